"use strict";
// The overview: filters, search, and only as many cards as can be seen. Facts and pictures come when they are needed:
// a page from a folder may not read files, so facts are scripts that call one function here with JSON.

const gallery = (() => {
  const GAP = 10, CAPTION = 46, KEPT_CHUNKS = 80, TALLEST = 12_000_000, READ_AT_ONCE = 8, SHOWN_EVERY_MS = 250;
  const $ = (id) => document.getElementById(id);
  const chunks = new Map(), texts = new Map(), drawn = new Map(), chosen = new Map(), facets = new Map();
  const policy = { createScriptURL: (address) => address };
  const trusted = globalThis.trustedTypes?.createPolicy("gallery", policy) ?? policy;
  const ADDRESS = /^parts\/[0-9a-z-]{1,40}\/(columns|(rows|text)-\d{5,7})\.js$/;
  let about, starts = [], total = 0, found = [], columns = 1, side = 192, focused = 0;
  let query = "", hits = null, colorOf, waiting = 0, reading = 0, unread = null, shownAt = 0, wantedRow = null, arrived = 0;
  const layers = new Set();

  function script(address, onFail) {
    if (!ADDRESS.test(address)) throw new Error(`${address} is no part of this gallery`);
    const element = make("script");
    element.src = trusted.createScriptURL(address);
    element.onload = () => element.remove();
    element.onerror = () => { element.remove(); onFail?.(); };
    document.head.append(element);
  }

  // What the scripts of the data call

  function start(said) {
    about = { ...said, parts: said.parts.map(([name, rows]) => ({ name, rows })) };
    for (const part of about.parts) { starts.push(total); total += part.rows; }
    about.layers = said.mode === "diff" ? ["old", "new"] : ["truth", "machine", "human"];
    document.title = `${said.title}: ${said.mode === "diff" ? "what changed" : "gallery"}`;
    $("title").textContent = said.title;
    $("summary").textContent = said.summary ?? "";
    for (const layer of about.layers) if (LAYERS[layer].on) layers.add(layer);
    if (!about.parts.length) ready();
    for (const part of about.parts) script(`parts/${part.name}/columns.js`, () => fail("The gallery is not whole: a file is missing."));
  }

  function columns_(name, ids, tables) {
    const part = about.parts.findIndex((one) => one.name === name), first = starts[part];
    about.parts[part].ids = ids;
    for (const { name: facet, sets, codes } of tables) {
      if (!facets.has(facet)) facets.set(facet, { words: [], sets: [], codes: new Int32Array(total).fill(-1) });
      const known = facets.get(facet), offset = known.sets.length;
      for (const set of sets) known.sets.push(set.map((word) => numberOf(known.words, word)));
      codes.forEach((code, row) => { known.codes[first + row] = code + offset; });
    }
    if (++arrived === about.parts.length) ready();
  }

  function numberOf(list, word) {
    const number = list.indexOf(word);
    return number < 0 ? list.push(word) - 1 : number;
  }

  function rows(name, number, sheet, facts) {
    const first = starts[about.parts.findIndex((one) => one.name === name)] + number * about.perSheet;
    const address = `parts/${name}/${sheet}.webp`;
    chunks.set(`${name}/${number}`, facts.map((row, cell) => ({ ...row, number: first + cell, cell, ofSheet: facts.length, address, folder: `parts/${name}/` })));
    for (const old of chunks.keys()) if (chunks.size > KEPT_CHUNKS) chunks.delete(old);
    draw();
    details.renew();
  }

  function text(name, number, lines) {
    texts.set(`${name}/${number}`, lines);
    reading--;
    if (!query) return;
    mark(name, number, lines);
    waiting--;
    read();
    if (!waiting || performance.now() - shownAt > SHOWN_EVERY_MS) filter(false);
  }

  function ready() {
    const decided = facets.get("review");
    const hasPeople = decided?.words.some((word) => word === "reviewed" || word === "adjudicated");
    if (about.mode !== "diff" && !hasPeople && !facets.get("drawn by")?.words.includes("human")) about.layers = ["truth", "machine"];
    $("colors").value = hasPeople || about.mode === "diff" ? "layer" : "category";
    paint();
    addLayers();
    fromAddress();
    addFilters();
    filter();
    if (wantedRow !== null) openId(wantedRow);
  }

  function fail(message) {
    $("empty").hidden = false;
    $("empty").textContent = message;
  }

  // Finding rows

  function placeOf(row) {
    let part = starts.length - 1;
    while (starts[part] > row) part--;
    const within = row - starts[part];
    return { part: about.parts[part], within, chunk: Math.floor(within / about.perSheet) };
  }

  function factsOf(row, isLoading = true) {
    const { part, within, chunk } = placeOf(row), key = `${part.name}/${chunk}`;
    if (!chunks.has(key) && isLoading) {
      chunks.set(key, null);
      script(`parts/${part.name}/rows-${String(chunk).padStart(5, "0")}.js`, () => chunks.delete(key));
    }
    return chunks.get(key)?.[within % about.perSheet] ?? null;
  }

  const idOf = (row) => { const { part, within } = placeOf(row); return part.ids.slice(12 * within, 12 * within + 12); };

  function openId(id) {
    for (const [number, part] of about.parts.entries()) {
      for (let at = part.ids.indexOf(id); at >= 0; at = part.ids.indexOf(id, at + 1)) {
        if (at % 12 === 0) return details.open(starts[number] + at / 12);
      }
    }
  }

  const wordsOf = (row, facet) => {
    const known = facets.get(facet), code = known ? known.codes[row] : -1;
    return code < 0 ? [] : known.sets[code].map((word) => known.words[word]);
  };

  function filter(isAnew = true) {
    shownAt = performance.now();
    const asked = [...chosen].filter(([, wanted]) => wanted.size).map(([name, wanted]) => {
      const facet = facets.get(name);
      return { codes: facet.codes, fits: facet.sets.map((set) => set.some((word) => wanted.has(facet.words[word]))) };
    });
    found = [];
    for (let row = 0; row < total; row++) {
      if ((!hits || hits[row]) && asked.every(({ codes, fits }) => fits[codes[row]])) found.push(row);
    }
    const isWhole = found.length === total;
    $("count").textContent = `${isWhole ? many(total) : `${many(found.length)} of ${many(total)}`} ${total === 1 ? "row" : "rows"}${waiting ? " (searching…)" : ""}`;
    const active = [...chosen.values()].reduce((sum, wanted) => sum + wanted.size, 0);
    $("active").textContent = active ? ` (${active})` : "";
    if (isAnew) {
      focused = 0;
      $("scroll").scrollTop = 0;
    }
    layout();
    toAddress();
  }

  // A search reads the texts of all rows once, a thousand at a time, and shows what it has found so far.
  function search() {
    hits = query ? new Uint8Array(total) : null;
    waiting = 0;
    if (query) {
      unread ??= textNames();
      for (const [name, number] of textNames()) {
        const lines = texts.get(`${name}/${number}`);
        if (lines) mark(name, number, lines);
        else waiting++;
      }
      read();
    }
    filter();
  }

  const textNames = () => about.parts.flatMap(({ name, rows }) =>
    Array.from({ length: Math.ceil(rows / about.perText) }, (_, number) => [name, number]));

  function mark(name, number, lines) {
    const first = starts[about.parts.findIndex((one) => one.name === name)] + number * about.perText;
    lines.forEach((line, row) => { if (line.includes(query)) hits[first + row] = 1; });
  }

  function read() {
    while (reading < READ_AT_ONCE && unread.length) {
      const [name, number] = unread.shift();
      reading++;
      script(`parts/${name}/text-${String(number).padStart(5, "0")}.js`, () => text(name, number, []));
    }
  }

  // Controls

  function addFilters() {
    $("filters").replaceChildren();
    for (const [name, facet] of facets) {
      const counts = new Array(facet.words.length).fill(0);
      for (const code of facet.codes) if (code >= 0) for (const word of facet.sets[code]) counts[word]++;
      if (facet.words.length < 2 && counts[0] === total || !facet.words.length) continue;
      const group = make("fieldset"), list = make("div", undefined, "options");
      group.append(make("legend", words(name)), list);
      const order = facet.words.map((_, word) => word).sort((a, b) => counts[b] - counts[a]);
      for (const word of order) list.append(option(name, facet.words[word], counts[word]));
      $("filters").append(group);
    }
  }

  function option(name, word, count) {
    const label = make("label"), box = make("input"), dot = make("i", undefined, "dot");
    box.type = "checkbox";
    box.checked = chosen.get(name)?.has(word) ?? false;
    box.value = word;
    box.ariaLabel = `${words(name)} ${words(word)}, ${many(count)} rows`;
    box.addEventListener("change", () => {
      if (!chosen.has(name)) chosen.set(name, new Set());
      box.checked ? chosen.get(name).add(word) : chosen.get(name).delete(word);
      filter();
    });
    label.append(box);
    if (name === "category") { dot.style.background = colorOf(word, "category"); label.append(dot); }
    label.append(make("span", words(word)), make("small", many(count)));
    return label;
  }

  // Once above the overview and once beside an opened row.
  function addLayers() {
    for (const place of document.querySelectorAll(".chips")) place.replaceChildren(...[...about.layers].reverse().map(layerBox));
    showLayers();
  }

  function layerBox(layer, number) {
    const label = make("label"), box = make("input");
    box.type = "checkbox";
    box.value = layer;
    box.addEventListener("change", () => setLayer(layer, box.checked));
    label.title = `Key ${number + 1}`;
    label.append(box, lineSample(layer), make("span", LAYERS[layer].title));
    return label;
  }

  function showLayers() {
    for (const box of document.querySelectorAll(".chips input")) box.checked = layers.has(box.value);
    for (const line of document.querySelectorAll(".sample .outline")) {
      const layer = [...line.classList].find((name) => name in LAYERS);
      line.style.setProperty("--k", $("colors").value === "layer" ? LAYERS[layer].color : "#ffffff");
    }
  }

  function setLayer(layer, isOn) {
    isOn ? layers.add(layer) : layers.delete(layer);
    redraw();
  }

  function redraw() {
    paint();
    showLayers();
    drawAnew();
    details.renew();
    toAddress();
  }

  function paint() {
    const names = [...(facets.get("category")?.words ?? [])].sort();
    colorOf = (category, layer) => ($("colors").value === "layer" && layer in LAYERS)
      ? LAYERS[layer].color
      : Object.hasOwn(about.colors, category) ? about.colors[category] : PALETTE[Math.max(0, names.indexOf(category)) % PALETTE.length];
  }

  // The state is in the address, so that a link shows the same rows

  function toAddress() {
    const state = new URLSearchParams();
    for (const [name, wanted] of chosen) for (const word of wanted) state.append(`f.${name}`, word);
    if (query) state.set("q", query);
    state.set("layers", about.layers.filter((layer) => layers.has(layer)).join(" "));
    state.set("color", $("colors").value);
    if (details.row() !== null) state.set("row", idOf(details.row()));
    history.replaceState(null, "", `#${state}`);
  }

  function fromAddress() {
    const state = new URLSearchParams(location.hash.slice(1));
    chosen.clear();
    for (const [key, word] of state) {
      const facet = key.startsWith("f.") ? facets.get(key.slice(2)) : null;
      if (!facet?.words.includes(word)) continue;
      if (!chosen.has(key.slice(2))) chosen.set(key.slice(2), new Set());
      chosen.get(key.slice(2)).add(word);
    }
    if (state.has("layers")) {
      layers.clear();
      for (const layer of state.get("layers").split(" ")) if (about.layers.includes(layer)) layers.add(layer);
    }
    if (["category", "layer"].includes(state.get("color"))) $("colors").value = state.get("color");
    query = (state.get("q") ?? "").toLowerCase();
    $("search").value = query;
    wantedRow = /^[0-9a-f]{12}$/.test(state.get("row") ?? "") ? state.get("row") : null;
    paint();
    showLayers();
    if (query) search();
  }

  // Cards

  function layout() {
    if (!about) return;
    const width = $("scroll").clientWidth - 2 * GAP, wish = width < 500 ? 150 : about.tile;
    columns = Math.max(2, Math.floor((width + GAP) / (wish + GAP)));
    side = Math.floor((width - (columns - 1) * GAP) / columns);
    $("space").style.height = `${Math.min(TALLEST, contentHeight())}px`;
    $("empty").hidden = found.length > 0;
    drawAnew();
  }

  const cardHeight = () => side + CAPTION + GAP;
  const contentHeight = () => Math.ceil(found.length / columns) * cardHeight() + GAP;

  // Browsers end at some ten million pixels: beyond TALLEST the scroll bar moves further than a pixel per pixel.
  function offset() {
    const view = $("scroll"), real = contentHeight();
    if (real <= TALLEST) return 0;
    return view.scrollTop * ((real - view.clientHeight) / (TALLEST - view.clientHeight) - 1);
  }

  const hasKeyboard = () => $("space").contains(document.activeElement);

  function drawAnew() {
    const isHere = hasKeyboard();
    for (const card of drawn.values()) card.remove();
    drawn.clear();
    draw(isHere);
  }

  let later = 0, lastTop = 0;
  // A card that is drawn anew gets back the keyboard that the old one had.
  function draw(isHere = hasKeyboard()) {
    if (!about) return;
    const view = $("scroll"), height = cardHeight(), shift = offset(), top = view.scrollTop + shift;
    const isFast = Math.abs(top - lastTop) > 3 * view.clientHeight;
    lastTop = top;
    clearTimeout(later);
    if (isFast) later = setTimeout(() => draw(), 90);  // pass over what flies by
    const first = Math.max(0, Math.floor(top / height) - 1) * columns;
    const last = Math.min(found.length, (Math.ceil((top + view.clientHeight) / height) + 1) * columns);
    for (const [place, card] of drawn) {
      if (place >= first && place < last && (card.isFilled || !factsOf(found[place], false))) continue;
      card.remove();
      drawn.delete(place);
    }
    for (let place = first; place < last; place++) {
      const known = drawn.get(place);
      if (known && !known.isFilled && !isFast) factsOf(found[place]);
      const card = known ?? cardAt(place, factsOf(found[place], !isFast));
      card.style.transform = `translate(${GAP + (place % columns) * (side + GAP)}px, ${GAP + Math.floor(place / columns) * height - shift}px)`;
      if (!known) { drawn.set(place, card); $("space").append(card); }
    }
    if (isHere && !hasKeyboard()) drawn.get(focused)?.firstChild.focus({ preventScroll: true });
  }

  function cardAt(place, row) {
    const item = make("div", undefined, "card"), card = makeButton(undefined, () => details.open(found[place]));
    item.role = "listitem";
    item.style.width = `${side}px`;
    item.ariaSetSize = String(found.length);
    item.ariaPosInSet = String(place + 1);
    item.isFilled = row !== null;
    card.tabIndex = place === focused ? 0 : -1;
    card.dataset.place = place;
    card.addEventListener("focus", () => { focused = place; });
    item.append(card);
    if (!row) { card.append(make("div", undefined, "picture waiting")); card.firstChild.style.height = `${side}px`; return item; }
    const picture = tilePicture(row, side, about, row.address);
    if (row.tile) picture.firstChild.append(overlay(row.views[row.cover], about.layers.filter((one) => layers.has(one)), colorOf));
    card.append(picture, make("span", row.name, "file"), make("small", factLine(row)));
    card.setAttribute("aria-label", `${row.name}: ${factLine(row)}`);
    return item;
  }

  function factLine(row) {
    const [change, origin, verdict, review] = ["change", "origin", "verdict", "review"].map((name) => wordsOf(row.number, name)[0]);
    const said = [change, origin === "unknown" ? "" : origin, ["none", origin].includes(verdict) ? "" : `verdict ${verdict}`, review === "not_routed" ? "" : review];
    return [...said.filter(Boolean), ...new Set(row.regions.map((region) => region.category))].map(words).join(" · ");
  }

  function focusOn(place) {
    focused = Math.max(0, Math.min(found.length - 1, place));
    const height = cardHeight(), view = $("scroll"), top = Math.floor(focused / columns) * height - offset();
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + height + GAP > view.scrollTop + view.clientHeight) view.scrollTop = top + height + GAP - view.clientHeight;
    draw();
    for (const card of drawn.values()) card.firstChild.tabIndex = Number(card.firstChild.dataset.place) === focused ? 0 : -1;
    drawn.get(focused)?.firstChild.focus({ preventScroll: true });
  }

  const steps = () => ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -focused, End: found.length, PageUp: -4 * columns, PageDown: 4 * columns });

  $("space").addEventListener("keydown", (event) => {
    const step = steps()[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    focusOn(focused + step);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type === "search" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && !$("details").open) { event.preventDefault(); $("search").focus(); }
    const layer = about && [...about.layers].reverse()[Number(event.key) - 1];
    if (layer) setLayer(layer, !layers.has(layer));
  });
  let typing = 0;
  $("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { query = $("search").value.trim().toLowerCase(); search(); }, 120);
  });
  $("search").addEventListener("keydown", (event) => { if (event.key === "ArrowDown") { event.preventDefault(); focusOn(0); } });
  $("colors").addEventListener("change", () => { redraw(); addFilters(); });
  $("clear").addEventListener("click", () => { chosen.clear(); query = ""; $("search").value = ""; addFilters(); search(); });
  $("toggle").addEventListener("click", () => {
    const isOpen = document.body.classList.toggle("filtering");
    $("toggle").setAttribute("aria-expanded", String(isOpen));
    layout();
  });
  let isDrawing = false;
  $("scroll").addEventListener("scroll", () => {
    if (isDrawing) return;
    isDrawing = true;
    requestAnimationFrame(() => { isDrawing = false; draw(); });
  }, { passive: true });
  new ResizeObserver(layout).observe($("scroll"));
  window.addEventListener("hashchange", () => { fromAddress(); addFilters(); search(); if (wantedRow !== null) openId(wantedRow); });

  return {
    start, columns: columns_, rows, text,
    state: { factsOf, wordsOf, toAddress, focusOn, layers, about: () => about, color: (...said) => colorOf(...said), found: () => found, facets },
  };
})();
