"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  document.documentElement.classList.add("script");

  // A picture's data stands once in the page, where it is shown first; the other places copy it from there.
  const sources = new Map(all(".thumb img[src]").map((img) => [img.parentElement.dataset.image, img.src]));
  const fill = (root) => {
    for (const img of all(".thumb img:not([src])", root)) {
      const source = sources.get(img.parentElement.dataset.image);
      if (source) img.src = source;
    }
  };
  all("section:not(#clusters)").forEach(fill);

  // Tables: sort by a click on a heading, filter by typing.
  const number = (text) => {
    const value = parseFloat(text.replace(/,/g, ""));
    return Number.isNaN(value) ? -Infinity : value;
  };
  const sortBy = (table, column, heading) => {
    const numeric = heading.classList.contains("number");
    const down = heading.getAttribute("aria-sort") === (numeric ? null : "ascending");
    const sign = down ? -1 : 1;
    const cell = (row) => row.cells[column].textContent;
    const compare = numeric
      ? (a, b) => sign * (number(cell(a)) - number(cell(b)) || 0)
      : (a, b) => sign * cell(a).localeCompare(cell(b), "en", { numeric: true });
    all("th", table).forEach((th) => th.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  };
  for (const table of all("table[data-sortable]")) {
    all("thead th", table).forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      heading.replaceChildren(button);
      button.addEventListener("click", () => sortBy(table, column, heading));
    });
  }
  for (const input of all("[data-filter]")) {
    const rows = all("tbody tr", input.closest(".table"));
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
  }

  // Clusters: one clustering at a time, in the order asked for.
  const clusterings = all(".clustering");
  const orders = {
    size: (a) => -Number(a.size),
    number: (a) => Number(a.number),
    purity: (a) => -(a.purity === "" ? -1 : Number(a.purity)),
    impurity: (a) => (a.purity === "" ? 2 : Number(a.purity)),
    nm: (a) => (a.nm === "" ? Infinity : Number(a.nm)),
  };
  const showClustering = () => {
    const key = orders[byId("pick-order").value];
    const wanted = byId("pick-label").value.trim().toLowerCase();
    for (const panel of clusterings) {
      panel.hidden = panel.id !== byId("pick-clustering").value;
      if (panel.hidden) continue;
      const cards = all(".cluster", panel);
      const difference = (a, b) => key(a.dataset) - key(b.dataset) || a.dataset.number - b.dataset.number;
      cards.sort((a, b) => difference(a, b) || 0);
      for (const card of cards) card.hidden = !card.dataset.label.toLowerCase().includes(wanted);
      panel.querySelector(".clusters").append(...cards);
      fill(panel);
    }
  };
  if (clusterings.length) {
    for (const id of ["pick-clustering", "pick-order"]) byId(id).addEventListener("change", showClustering);
    byId("pick-label").addEventListener("input", showClustering);
    showClustering();
  }

  // The viewer: a click or Enter on a picture opens it, arrow keys go through its group.
  const facts = JSON.parse(byId("picture-facts").textContent);
  const names = ["Path", "MD5", "Scale", "Label"];
  const viewer = byId("viewer");
  let group = [];
  let place = 0;
  const show = () => {
    const image = group[place].dataset.image;
    const known = facts[image] || [];
    const list = byId("viewer-facts");
    list.replaceChildren();
    byId("viewer-image").src = sources.get(image) || "";
    byId("viewer-image").alt = known[0] || `image ${image}`;
    [["Image", image], ...names.map((name, i) => [name, known[i]])].forEach(([name, value]) => {
      if (!value) return;
      const term = document.createElement("dt");
      const text = document.createElement("dd");
      term.textContent = name;
      text.textContent = value;
      list.append(term, text);
    });
  };
  const step = (by) => {
    place = (place + by + group.length) % group.length;
    show();
  };
  document.addEventListener("click", (event) => {
    const thumb = event.target.closest("button.thumb");
    if (!thumb) return;
    const around = thumb.closest(".strip, .readings");
    group = around ? all("button.thumb", around) : [thumb];
    place = group.indexOf(thumb);
    show();
    viewer.showModal();
  });
  byId("viewer-back").addEventListener("click", () => step(-1));
  byId("viewer-next").addEventListener("click", () => step(1));
  byId("viewer-close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
  viewer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });

  // The list of sections marks the one in view.
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -75% 0px" });
  links.forEach((_, id) => watch.observe(byId(id)));
})();
