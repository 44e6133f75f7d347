"use strict";
// One row in full: its pictures with outlines, what is said of it, and on what that rests.

const details = (() => {
  const $ = (id) => document.getElementById(id);
  let current = null, shownView = 0, isDrawn = false;

  function open(row) {
    current = row;
    isDrawn = false;
    if (!$("details").open) $("details").showModal();
    renew();
    gallery.state.toAddress();
  }

  // Draws again; what has not come yet is drawn when it comes.
  function renew() {
    if (current === null) return;
    const row = gallery.state.factsOf(current);
    if (!row) { $("shown").replaceChildren(make("p", "…")); return; }
    if (!isDrawn) { shownView = row.cover ?? 0; isDrawn = true; }
    $("name").textContent = row.name;
    const { scrollTop } = $("details");
    $("shown").replaceChildren(pictures(row), texts(row));
    $("details").scrollTop = scrollTop;
  }

  function pictures(row) {
    const column = make("div", undefined, "pictures"), about = gallery.state.about();
    const panes = about.mode === "diff" ? [["old"], ["new"]] : [about.layers];
    const group = make("div", undefined, "panes");
    for (const pane of panes) {
      if (about.mode === "diff" && !row.sides.includes(pane[0])) continue;
      group.append(figure(row, pane, about.mode === "diff"));
    }
    column.append(group);
    if (row.views.length > 1 && row.tile && row.views[0].file) column.append(strip(row));
    return column;
  }

  function figure(row, pane, hasTitle) {
    const figure = make("figure"), view = row.views[shownView], { layers, color } = gallery.state;
    if (hasTitle) figure.append(make("figcaption", LAYERS[pane[0]].title));
    if (!row.tile) { figure.append(make("p", `No picture: ${row.problem}`, "problem")); return figure; }
    const box = make("div", undefined, "large");
    box.style.setProperty("--ratio", view.size[0] / view.size[1]);
    if (view.file) {
      const picture = make("img");
      picture.src = row.folder + view.file;
      picture.alt = `${row.name} ${view.label}`;
      box.append(picture);
    } else {
      const about = gallery.state.about();
      box.append(tilePicture(row, 480, about, row.address).firstChild);
    }
    box.append(overlay(view, pane.filter((layer) => layers.has(layer)), color));
    figure.append(box);
    return figure;
  }

  function strip(row) {
    const strip = make("div", undefined, "strip");
    row.views.forEach((view, number) => {
      const button = makeButton(view.label, () => { shownView = number; renew(); });
      button.setAttribute("aria-pressed", String(number === shownView));
      strip.append(button);
    });
    return strip;
  }

  function texts(row) {
    const column = make("div", undefined, "texts");
    if (row.changes?.length) column.append(changes(row));
    column.append(facts(row));
    if (row.explanation.length) column.append(make("h3", "Explanation"), explanation(row));
    if (row.answers.length) column.append(make("h3", "Answers"), ...row.answers.map(answer));
    if (row.regions.length) column.append(make("h3", `Regions (${row.regions.length})`), regions(row));
    if (row.attributes.length) column.append(make("h3", "Attributes"), table(row.attributes));
    return column;
  }

  function facts(row) {
    const list = make("dl"), { wordsOf, facets } = gallery.state;
    const add = (name, value) => { if (value) list.append(make("dt", name), make("dd", value)); };
    for (const name of facets.keys()) if (!["category", "config"].includes(name)) add(words(name), wordsOf(row.number, name).filter((word) => word !== "none").map(words).join(", "));
    add("medium", row.medium);
    add("machines", row.machines.map(([name, model, verdict]) => [model && model !== name ? `${name} (${model})` : name, verdict].filter(Boolean).join(": ")).join("; "));
    add("source", row.source.join(", "));
    add("sample", row.id);
    return list;
  }

  // Claims are marked; resting on one shows the regions that it rests on.
  function explanation(row) {
    const text = make("p", undefined, "said");
    for (const [words, numbers, isClaim] of row.explanation) {
      const part = make(isClaim ? "mark" : "span", words);
      if (isClaim && numbers.length) {
        part.tabIndex = 0;
        part.append(make("sup", numbers.join(" ")));
        attend(part, numbers);
      }
      text.append(part);
    }
    return text;
  }

  function regions(row) {
    const list = make("ol", undefined, "regions");
    row.regions.forEach((region, index) => {
      const item = make("li"), title = make("div", undefined, "what"), dot = make("i", undefined, "dot");
      dot.style.background = gallery.state.color(region.category, "category");
      title.append(dot, make("b", words(region.category)));
      const said = [words(region.source), region.where, region.score === null ? "" : region.score.toFixed(2)];
      title.append(make("small", said.filter(Boolean).join(" · ")));
      item.append(title);
      if (region.phrase) item.append(make("div", `“${region.phrase}”`));
      if (region.why) item.append(make("div", region.why, "soft"));
      item.tabIndex = 0;
      attend(item, [index + 1]);
      list.append(item);
    });
    return list;
  }

  // While a text is pointed at or focused, the regions that it is about stand out.
  function attend(element, numbers) {
    const show = (isOn) => {
      for (const line of document.querySelectorAll("#shown .outline")) {
        line.classList.toggle("marked", isOn && numbers.includes(Number(line.dataset.number)));
      }
      for (const svg of document.querySelectorAll("#shown .overlay")) {
        svg.classList.toggle("attending", isOn && svg.querySelector(".marked") !== null);
      }
    };
    for (const name of ["pointerenter", "focus"]) element.addEventListener(name, () => show(true));
    for (const name of ["pointerleave", "blur"]) element.addEventListener(name, () => show(false));
  }

  function answer([question, said]) {
    const part = make("p", undefined, "said");
    part.append(make("span", question, "soft"), make("br"), make("b", said));
    return part;
  }

  function table(lines) {
    const table = make("table");
    for (const cells of lines) {
      const line = make("tr");
      line.append(...cells.map((cell) => make("td", cell)));
      table.append(line);
    }
    return table;
  }

  // What differs between two versions of the row, field by field.
  function changes(row) {
    const list = make("dl", undefined, "changes");
    for (const [field, before, after] of row.changes) {
      const said = make("dd");
      if (before) said.append(make("del", before));
      if (after) said.append(make("ins", after));
      list.append(make("dt", field), said);
    }
    return list;
  }

  function move(step) {
    const found = gallery.state.found(), place = found.indexOf(current);
    const next = found[place + step];
    if (place >= 0 && next !== undefined) open(next);
  }

  $("previous").addEventListener("click", () => move(-1));
  $("next").addEventListener("click", () => move(1));
  $("close").addEventListener("click", () => $("details").close());
  $("details").addEventListener("click", (event) => { if (event.target === $("details")) $("details").close(); });
  $("details").addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") move(-1);
    else if (event.key === "ArrowRight") move(1);
    else return;
    event.preventDefault();
  });
  $("details").addEventListener("close", () => {
    const place = gallery.state.found().indexOf(current);
    current = null;
    gallery.state.toAddress();
    if (place >= 0) gallery.state.focusOn(place);
  });

  return { open, renew, row: () => current };
})();
