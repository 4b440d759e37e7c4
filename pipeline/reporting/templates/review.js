"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const items = JSON.parse(byId("data").textContent);
  const STORE = "semcorpus-review:" + location.pathname;
  const PAGE = 40;
  const LENGTH = /^(\d{1,6}(?:[.,]\d{1,6})?)\s*(pm|å|nm|um|µm|μm|mm)(\s*\/\s*px)?$/i;
  const VALUE = new Set(["read", "metadata", "agrees", "confirmed"]);

  // Answers survive a closed tab where the browser keeps such things; the downloaded file is what counts.
  let answers = new Map();
  const remember = () => {
    try { localStorage.setItem(STORE, JSON.stringify([...answers])); } catch { /* private mode: nothing is kept */ }
  };
  try { answers = new Map(JSON.parse(localStorage.getItem(STORE) || "[]")); } catch { answers = new Map(); }
  const known = new Set(items.map((item) => item.thing));
  const alone = new Set(items.map((item) => `image:${item.md5}`));
  for (const thing of [...answers.keys()]) if (!known.has(thing) && !alone.has(thing)) answers.delete(thing);
  let unsaved = answers.size > 0;

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const words = (status) => status.replace(/_/g, " ");
  const size = (nm) => (nm >= 1e6 ? [nm / 1e6, "mm"] : nm >= 1e3 ? [nm / 1e3, "µm"] : [nm, "nm"]);
  const metric = (nm) => { const [value, unit] = size(nm); return `${Number(value.toPrecision(4))} ${unit}`; };

  // What may be said; an empty text means that it is fine.
  const problem = (item, text, px) => {
    const plain = text.trim().toLowerCase();
    if (["no bar", "unreadable", "undo"].includes(plain)) return "";
    const match = LENGTH.exec(plain);
    if (!match || !(parseFloat(match[1].replace(",", ".")) > 0)) return "Expected a length such as 200 nm or 0.5 um.";
    if (match[3] && item.thing.startsWith("crop:")) return "A pixel size belongs to a picture, not to a label.";
    if (px && !(Number(px) > 0)) return "The bar's length is a number of pixels.";
    if (!match[3] && item.thing.startsWith("image:") && !item.bar_length_px && !px)
      return "No bar was measured here: add its length in pixels, or give the pixel size (1.95 nm/px).";
    return "";
  };

  const list = byId("items");
  let shown = [];
  let cards = [];
  let current = 0;

  const render = (item) => {
    const card = element("li", "", "item");
    card.tabIndex = -1;
    card.dataset.thing = item.thing;
    const piece = element("div", "", "piece");
    const image = element("img");
    image.src = item.picture;
    [image.width, image.height] = item.size;
    image.alt = `piece of ${item.path}`;
    piece.style.width = `${Math.max(item.size[0], Math.min(448, item.size[0] * 2))}px`;
    piece.append(image);
    for (const [name, box] of [["segment", item.segment], ["label", item.label]]) {
      if (!box) continue;
      const frame = element("i", "", name);
      ["left", "top", "width", "height"].forEach((side, i) => { frame.style[side] = `${100 * box[i]}%`; });
      piece.append(frame);
    }
    // The ends of the bar: dragged, or moved by the arrow keys; their distance goes into the field beside the answer.
    const ends = [];
    const measure = () => {
      const [left, right] = ends.map((end) => parseFloat(end.style.left));
      px.value = (Math.abs(right - left) / 100 * item.width_px).toFixed(1).replace(/\.0$/, "");
    };
    const addEnds = () => {
      const box = item.segment || [0.25, 0, 0.5, 1];
      for (const share of [box[0], box[0] + box[2]]) {
        const end = element("span", "", "end");
        end.tabIndex = 0;
        end.setAttribute("role", "slider");
        end.setAttribute("aria-label", ends.length ? "Right end of the bar" : "Left end of the bar");
        const place = (percent) => {
          const at = Math.max(0, Math.min(100, percent));
          end.style.left = `${at}%`;
          end.setAttribute("aria-valuenow", (at / 100 * item.width_px).toFixed(1));
        };
        place(100 * share);
        end.addEventListener("pointerdown", (event) => { end.setPointerCapture(event.pointerId); event.preventDefault(); end.focus(); });
        end.addEventListener("pointermove", (event) => {
          if (!end.hasPointerCapture(event.pointerId)) return;
          const frame = piece.getBoundingClientRect();
          place(100 * (event.clientX - frame.left) / frame.width);
          measure();
        });
        end.addEventListener("keydown", (event) => {
          const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
          if (!step) return;
          event.preventDefault();
          event.stopPropagation();
          place(parseFloat(end.style.left) + step * 100 * (event.shiftKey ? 10 : 1) / item.width_px);
          measure();
        });
        ends.push(end);
        piece.append(end);
      }
    };
    const side = element("div");
    const said = element("p", "", "said");
    said.append(item.text ? element("strong", item.text) : element("strong", "nothing read", "none"));
    const one = item.thing.startsWith("image:");
    said.append(element("span", one ? "this picture alone" : `${item.images.toLocaleString("en")} picture${item.images === 1 ? "" : "s"}`, "chip"));
    for (const [status, count] of item.statuses) {
      const text = item.statuses.length > 1 ? `${words(status)} ${count.toLocaleString("en")}` : words(status);
      said.append(element("span", text, VALUE.has(status) ? "chip good" : "chip"));
    }
    const numbers = [
      item.bar_length_px ? `bar ${Number(item.bar_length_px.toFixed(1))} px` : "no bar measured",
      item.nm_per_px ? `${metric(item.nm_per_px)} a pixel` : "",
      item.metadata_nm_per_px ? `metadata ${metric(item.metadata_nm_per_px)} a pixel` : "",
      item.confidence ? `confidence ${item.confidence.toFixed(2)}` : "",
    ].filter(Boolean).join(" · ");
    if (item.blocked) side.append(element("p", "A printed field width contradicts this reading.", "against"));
    side.prepend(said);
    side.append(element("p", numbers, "numbers"), element("p", item.reason, "why"), element("p", item.path, "why"));
    const acts = element("div", "", "acts");
    const button = (text, act, className) => {
      const made = element("button", text, className);
      made.type = "button";
      made.addEventListener("click", act);
      acts.append(made);
      return made;
    };
    const input = element("input");
    input.placeholder = "200 nm";
    input.setAttribute("aria-label", "What the label says");
    const px = element("input", "", "px");
    const wrong = element("p", "", "wrong");
    wrong.setAttribute("role", "alert");
    const give = (text, length = "") => {
      wrong.textContent = problem(item, text, length);
      if (wrong.textContent) return false;
      const before = answers.get(item.thing);
      if (text === "undo" && before && !item.answer) answers.delete(item.thing);
      else if (text === "undo" && !item.answer) return true;
      else answers.set(item.thing, { answer: text.trim(), px: length, by: byId("by").value.trim(), entered: new Date().toISOString().slice(0, 19) + "Z" });
      unsaved = answers.size > 0;
      remember();
      mark();
      count();
      return true;
    };
    const confirm = button("Confirm", () => give(item.text, px.value), "primary confirm");
    confirm.disabled = item.blocked || !item.text || problem(item, item.text, "") !== "";
    if (item.blocked) confirm.title = "The printed field width says otherwise: type what the label says, or the pixel size of a picture.";
    acts.append(input);
    if (one) {
      px.placeholder = "bar px";
      px.inputMode = "decimal";
      px.setAttribute("aria-label", "Length of the bar in pixels");
      acts.append(px);
      addEnds();
    }
    const save = () => {
      if (!give(input.value, px.value)) return;
      input.blur();
      px.blur();
      go(cards.indexOf(card) + 1);
    };
    button("Correct", save, "save");
    button("No bar", () => give("no bar"), "nobar");
    button("Unreadable", () => give("unreadable"), "unreadable");
    button("Undo", () => give("undo"), "undo");
    if (!one) {
      button("This picture alone", () => {
        const thing = `image:${item.md5}`;
        if (!known.has(thing)) {
          const single = { ...item, thing, images: 1, answer: "", statuses: item.statuses.slice(0, 1) };
          items.splice(items.indexOf(item) + 1, 0, single);
          shown.splice(shown.indexOf(item) + 1, 0, single);
          known.add(thing);
          const made = render(single);
          cards.splice(cards.indexOf(card) + 1, 0, made);
          card.after(made);
          count();
        }
        go(cards.findIndex((other) => other.dataset.thing === thing));
      }, "alone");
    }
    for (const field of [input, px]) {
      field.addEventListener("keydown", (event) => {
        if (event.key === "Enter") { event.preventDefault(); save(); }
        if (event.key === "Escape") { field.blur(); card.focus(); }
      });
    }
    acts.append(wrong);
    const answer = element("p", "", "answer");
    const mark = () => {
      const now = answers.get(item.thing);
      const text = now ? now.answer : item.answer;
      answer.textContent = !text ? "" : now ? (text === "undo" ? "Your answer: take back what was said" : `Your answer: ${text}${now.px ? `, bar ${now.px} px` : ""}`) : `Said before: ${text}`;
      card.classList.toggle("done", Boolean(text));
    };
    mark();
    side.append(acts, answer);
    card.append(piece, side);
    card.addEventListener("focusin", () => { current = cards.indexOf(card); });
    return card;
  };

  // Cards are made as one scrolls: thousands of them at once would stall the browser.
  const extend = () => {
    const next = shown.slice(cards.length, cards.length + PAGE).map(render);
    cards.push(...next);
    list.append(...next);
    const left = shown.length - cards.length;
    byId("end").textContent = left ? `${left.toLocaleString("en")} more below` : shown.length ? "That is all." : "Nothing matches.";
    return next.length > 0;
  };
  new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) extend(); }, { rootMargin: "1200px" }).observe(byId("end"));

  const go = (to) => {
    if (to >= cards.length) extend();
    current = Math.max(0, Math.min(to, cards.length - 1));
    if (cards[current]) {
      cards[current].focus({ preventScroll: true });
      cards[current].scrollIntoView({ block: "nearest" });
    }
  };

  const count = () => {
    const pictures = shown.reduce((sum, item) => sum + (item.thing.startsWith("crop:") ? item.images : 0), 0);
    const labels = shown.filter((item) => item.thing.startsWith("crop:")).length;
    byId("count").textContent = `${labels.toLocaleString("en")} labels on ${pictures.toLocaleString("en")} pictures, ${(shown.length - labels).toLocaleString("en")} single pictures; ${answers.size.toLocaleString("en")} answered here`;
    byId("download").disabled = answers.size === 0;
  };

  const filter = () => {
    const status = byId("status").value;
    const state = byId("answered").value;
    const wanted = byId("find").value.trim().toLowerCase();
    shown = items.filter((item) => {
      const done = answers.has(item.thing) || Boolean(item.answer);
      return (!status || item.statuses.some(([name]) => name === status))
        && (!state || done === (state === "done"))
        && (!wanted || `${item.text} ${item.path} ${item.md5} ${item.thing}`.toLowerCase().includes(wanted));
    });
    cards = [];
    current = 0;
    list.replaceChildren();
    extend();
    count();
  };

  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const csv = () => {
    const rows = [["what", "answer", "bar_length_px", "by", "note", "entered"]];
    for (const [thing, said] of answers) rows.push([thing, said.answer, said.px || "", said.by || "", "", said.entered || ""]);
    return rows.map((row) => row.map((cell) => quoted(String(cell))).join(",")).join("\r\n") + "\r\n";
  };
  const download = () => {
    if (!answers.size) return;
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv;charset=utf-8" }));
    link.download = "scale-answers.csv";
    document.body.append(link);
    link.click();
    link.remove();
    unsaved = false;
  };

  const totals = new Map();
  for (const item of items) for (const [status] of item.statuses) totals.set(status, (totals.get(status) || 0) + 1);
  for (const [status, total] of totals) {
    const option = element("option", `${words(status)} (${total.toLocaleString("en")})`);
    option.value = status;
    byId("status").append(option);
  }
  for (const id of ["status", "answered"]) byId(id).addEventListener("change", filter);
  byId("find").addEventListener("input", filter);
  byId("download").addEventListener("click", download);
  byId("toolbar").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

  const press = (name) => {
    const button = cards[current] && cards[current].querySelector(`button.${name}`);
    if (!button || button.disabled) return;
    button.click();
    if (!cards[current].querySelector(".wrong").textContent && name !== "undo") go(current + 1);
  };
  const keys = {
    j: () => go(current + 1), ArrowDown: () => go(current + 1),
    k: () => go(current - 1), ArrowUp: () => go(current - 1),
    Enter: () => press("confirm"), b: () => press("nobar"), u: () => press("unreadable"), z: () => press("undo"),
    e: () => cards[current] && cards[current].querySelector("input").focus(),
    "/": () => byId("find").focus(), d: download,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, button, summary")) {
      if (event.key === "Escape" && !event.target.closest(".item")) { event.target.blur(); go(current); }
      return;
    }
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  filter();
  go(0);
})();
