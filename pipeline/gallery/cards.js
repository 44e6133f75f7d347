"use strict";
// Pictures with outlines over them. Every text of the data reaches the page as text, every outline as path data made
// of digits: nothing of the data is ever read as HTML, script or style.

const SVG = "http://www.w3.org/2000/svg";
const LAYERS = {
  machine: { title: "machines", color: "#ff9f1a", on: true },
  human: { title: "people", color: "#38b6ff", on: true },
  truth: { title: "known truth", color: "#ffffff", on: false },
  old: { title: "before", color: "#ff9f1a", on: true },
  new: { title: "after", color: "#38b6ff", on: true },
};
const PALETTE = ["#ff5d5d", "#ffb02e", "#2ea8ff", "#35c46b", "#b98bff", "#ff7ac8", "#19c7c1", "#c3d132", "#ff8a4c", "#8c9aff", "#d6a86a", "#8fd3ff"];

function make(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function makeButton(text, onClick, className) {
  const button = make("button", text, className);
  button.type = "button";
  button.addEventListener("click", onClick);
  return button;
}

const words = (name) => name.replaceAll("_", " ");
const many = (number) => number.toLocaleString("en");

// A layer's line as it is drawn: solid, dashed or dotted, so that it is known without its color, too.
function lineSample(layer) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 26 8");
  svg.setAttribute("class", "sample");
  svg.setAttribute("aria-hidden", "true");
  for (const kind of ["halo", "outline"]) svg.append(line("M1 4L25 4", kind, layer));
  return svg;
}

function line(path, kind, layer) {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("d", path);
  element.setAttribute("class", `${kind} ${layer}`);
  return element;
}

// The outlines of one view, for a box of any size with the picture's proportions.
function overlay(view, layers, colorOf) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${view.size[0]} ${view.size[1]}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "overlay");
  svg.setAttribute("aria-hidden", "true");
  const drawn = layers.flatMap((layer) => (view.layers[layer] ?? []).map((one) => [layer, ...one]));
  for (const [layer, , path] of drawn) svg.append(line(path, "halo", layer));  // all first: none hides another's outline
  for (const [layer, category, path, number] of drawn) {
    const outline = line(path, "outline", layer);
    outline.style.setProperty("--k", colorOf(category, layer));
    outline.dataset.number = number;
    svg.append(outline);
  }
  return svg;
}

// A tile cut out of its sheet, fitted into a square of so many pixels.
function tilePicture(row, side, about, address) {
  const frame = make("div", undefined, "picture");
  frame.style.height = `${side}px`;
  if (!row.tile) {
    frame.append(make("small", row.problem ?? "", "problem"));
    return frame;
  }
  const [width, height] = row.tile, scale = side / Math.max(width, height);
  const box = make("div", undefined, "tile");
  Object.assign(box.style, {
    width: `${width * scale}px`, height: `${height * scale}px`,
    backgroundImage: `url("${address}")`,
    backgroundSize: `${Math.min(about.columns, row.ofSheet) * about.tile * scale}px auto`,
    backgroundPosition: `${-(row.cell % about.columns) * about.tile * scale}px ${-Math.floor(row.cell / about.columns) * about.tile * scale}px`,
  });
  frame.append(box);
  return frame;
}
