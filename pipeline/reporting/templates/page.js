"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  document.documentElement.classList.add("script");

  // What is too much to stand in the page as it is: gzipped, in base64.
  const unpack = (id) => {
    const bytes = Uint8Array.from(atob(byId(id).textContent), (sign) => sign.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
  };
  const once = (make) => { let made; return () => (made ??= make()); };
  const getFacts = once(() => unpack("picture-facts").json());

  // A picture's data stands once in the page, where it is shown first, or on a sheet of tiles, from which it is cut.
  const sources = new Map(all(".thumb img[src]").map((img) => [img.parentElement.dataset.image, img.src]));
  const getTiles = once(async () => {
    const tiles = byId("tiles") ? await unpack("tiles").json() : { images: [], sheets: [] };
    tiles.places = new Map(tiles.images.map((image, place) => [String(image), place]));
    tiles.opened = new Map();
    return tiles;
  });
  const openSheet = async (tiles, number) => {
    const sheet = new Image();
    sheet.src = tiles.sheets[number];
    await sheet.decode();
    return sheet;
  };
  const sourceOf = async (image) => {
    if (sources.has(image)) return sources.get(image);
    const tiles = await getTiles();
    const place = tiles.places.get(image);
    if (place === undefined) return "";
    const number = Math.floor(place / tiles.per_sheet);
    if (!tiles.opened.has(number)) tiles.opened.set(number, openSheet(tiles, number));
    const sheet = await tiles.opened.get(number);
    const [width, height] = tiles.sizes[place];
    const at = place % tiles.per_sheet;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const [x, y] = [(at % tiles.columns) * tiles.edge, Math.floor(at / tiles.columns) * tiles.edge];
    canvas.getContext("2d").drawImage(sheet, x, y, width, height, 0, 0, width, height);
    sources.set(image, canvas.toDataURL("image/png"));
    return sources.get(image);
  };
  const fill = (root) => Promise.all(all(".thumb img:not([src])", root).map(async (img) => {
    const source = await sourceOf(img.parentElement.dataset.image);
    if (source) img.src = source;
  }));
  const canUnpack = typeof DecompressionStream === "function";
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
  const panels = byId("panels");
  const orders = {
    size: (a) => -Number(a.size),
    number: (a) => Number(a.number),
    purity: (a) => -(a.purity === "" ? -1 : Number(a.purity)),
    impurity: (a) => (a.purity === "" ? 2 : Number(a.purity)),
    nm: (a) => (a.nm === "" ? Infinity : Number(a.nm)),
  };
  const openPanel = async (id) => {
    if (!byId(id)) {
      const html = await unpack(id.replace("clustering", "panel")).text();
      if (!byId(id)) panels.insertAdjacentHTML("beforeend", html);
    }
    return byId(id);
  };
  const showClustering = async () => {
    const chosen = byId("pick-clustering").value;
    const panel = await openPanel(chosen);
    if (byId("pick-clustering").value !== chosen) return;
    for (const other of all(".clustering", panels)) other.hidden = other !== panel;
    const key = orders[byId("pick-order").value];
    const wanted = byId("pick-label").value.trim().toLowerCase();
    const cards = all(".cluster", panel);
    const difference = (a, b) => key(a.dataset) - key(b.dataset) || a.dataset.number - b.dataset.number;
    cards.sort((a, b) => difference(a, b) || 0);
    for (const card of cards) card.hidden = !card.dataset.label.toLowerCase().includes(wanted);
    panel.querySelector(".clusters").append(...cards);
    await fill(panel);
  };
  if (panels) {
    for (const id of ["pick-clustering", "pick-order"]) byId(id).addEventListener("change", showClustering);
    byId("pick-label").addEventListener("input", showClustering);
    if (!canUnpack) {
      byId("too-old").hidden = false;
      all("option", byId("pick-clustering")).slice(1).forEach((option) => option.remove());
      all(".open", panels).forEach((button) => button.remove());
    }
    showClustering();
  }

  // A whole cluster: all its pictures with their paths, some at a time.
  const SOME = 120;
  const whole = byId("whole");
  const members = new Map();
  let cluster = { images: [], shown: [], size: 0, name: "" };
  const membersOf = async (place) => {
    if (!members.has(place)) members.set(place, unpack(`members-${place}`).arrayBuffer());
    const bytes = new DataView(await members.get(place));
    const images = JSON.parse(byId("member-images").textContent);
    return images.map((image, i) => [String(image), bytes.getInt32(4 * i, true)]);
  };
  const extendWhole = async () => {
    const known = await getFacts();
    const list = byId("whole-pictures");
    const next = cluster.shown.slice(list.children.length, list.children.length + SOME).map((image) => {
      const figure = document.createElement("figure");
      figure.className = "reading";
      const thumb = document.createElement("button");
      thumb.type = "button";
      thumb.className = "thumb";
      thumb.dataset.image = image;
      const [path, md5] = known[image] || ["", ""];
      const img = document.createElement("img");
      img.alt = path || md5 || image;
      thumb.append(img);
      const caption = document.createElement("figcaption");
      caption.textContent = path || md5 || image;
      figure.append(thumb, caption);
      return figure;
    });
    list.append(...next);
    const left = cluster.shown.length - list.children.length;
    byId("whole-more").textContent = left ? `${left.toLocaleString("en")} more below` : "";
    await fill(list);
  };
  const filterWhole = async () => {
    const known = await getFacts();
    const wanted = byId("whole-filter").value.trim().toLowerCase();
    cluster.shown = cluster.images.filter((image) => ((known[image] || [""])[0]).toLowerCase().includes(wanted));
    byId("whole-pictures").replaceChildren();
    await extendWhole();
  };
  const openWhole = async (card) => {
    const panel = card.closest(".clustering");
    const number = Number(card.dataset.number);
    const images = (await membersOf(panel.dataset.place)).filter(([, label]) => label === number).map(([image]) => image);
    const size = Number(card.dataset.size);
    cluster = { images, shown: images, size, name: `${panel.querySelector("h3").textContent}-${number}` };
    byId("whole-title").textContent = `${card.querySelector("h4").firstChild.textContent.trim()} of ${panel.querySelector("h3").textContent}`;
    byId("whole-note").textContent = images.length === size ? `${size.toLocaleString("en")} pictures`
      : `${images.length.toLocaleString("en")} of ${size.toLocaleString("en")} pictures, an even choice; clusters.parquet has all`;
    byId("whole-filter").value = "";
    if (!whole.open) whole.showModal();
    await filterWhole();
  };
  const savePaths = async () => {
    const known = await getFacts();
    const link = document.createElement("a");
    const lines = cluster.shown.map((image) => (known[image] || [""])[0] || image);
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/plain;charset=utf-8" }));
    link.download = `${cluster.name.replace(/[^A-Za-z0-9_.-]+/g, "-")}.txt`;
    link.click();
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.open");
    if (button) openWhole(button.closest(".cluster"));
  });
  byId("whole-filter").addEventListener("input", filterWhole);
  byId("whole-paths").addEventListener("click", savePaths);
  byId("whole-close").addEventListener("click", () => whole.close());
  whole.addEventListener("click", (event) => { if (event.target === whole) whole.close(); });
  new IntersectionObserver((seen) => {
    if (whole.open && seen.some((one) => one.isIntersecting)) extendWhole();
  }, { root: whole, rootMargin: "600px" }).observe(byId("whole-more"));

  // The viewer: a click or Enter on a picture opens it, arrow keys go through its group.
  const names = ["Path", "MD5", "Scale", "Label"];
  const viewer = byId("viewer");
  let group = [];
  let place = 0;
  const show = async () => {
    const image = group[place].dataset.image;
    const known = canUnpack ? (await getFacts())[image] || [] : [];
    const source = await sourceOf(image);
    if (group[place].dataset.image !== image) return;
    const list = byId("viewer-facts");
    list.replaceChildren();
    byId("viewer-image").src = source;
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
    viewer.showModal();
    show();
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
