"use strict";
// Wiping between two pictures, the chart, and the buttons that jump. The page says the same without any of it.
(() => {
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const make = (tag, name, text = "") => {
    const made = document.createElement(tag);
    made.className = name;
    made.textContent = text;
    return made;
  };
  document.documentElement.classList.add("js");

  // Source left of the edge, copy right of it. The range input is what keyboards and screen readers use.
  const wiper = (frame, over, what, active = () => true) => {
    const range = make("input", "edge");
    Object.assign(range, {type: "range", min: 0, max: 100, value: 50});
    range.setAttribute("aria-label", `Wipe between source and copy: ${what}`);
    const show = () => {
      if (!active()) return;
      over.style.clipPath = `inset(0 0 0 ${range.value}%)`;
      frame.style.setProperty("--edge", `${range.value}%`);
      range.setAttribute("aria-valuetext", `left ${range.value} % source, the rest copy`);
    };
    const follow = (event) => {
      const box = frame.getBoundingClientRect();
      range.value = Math.round(100 * (event.clientX - box.left) / box.width);
      show();
    };
    range.addEventListener("input", show);
    frame.addEventListener("pointerdown", (event) => {
      frame.setPointerCapture(event.pointerId);
      follow(event);
    });
    frame.addEventListener("pointermove", (event) => { if (event.buttons || event.pointerType === "touch") follow(event); });
    show();
    return range;
  };
  window.wiper = wiper;

  for (const pair of all(".pair")) {
    const [before, after] = all("img", pair);
    const frame = make("div", "wipe");
    frame.dataset.copy = pair.dataset.copy;
    frame.append(before.cloneNode(), after.cloneNode(), make("i", "line"));
    // A tall picture must be seen whole, with its slider.
    const [width, height] = ["width", "height"].map((side) => Number(before.getAttribute(side)));
    frame.style.maxWidth = `${Math.round(Math.min(pair.classList.contains("native") ? 2 * width : 2000, 640 * width / height))}px`;
    const range = wiper(frame, frame.children[1], pair.dataset.what);
    range.style.maxWidth = frame.style.maxWidth;
    const button = make("button", "small");
    button.type = "button";
    const turn = (wiping) => {
      frame.hidden = range.hidden = !wiping;
      pair.classList.toggle("wiping", wiping);
      button.textContent = wiping ? "Show side by side" : "Wipe between the two";
    };
    button.addEventListener("click", () => turn(frame.hidden));
    pair.after(frame, range, button);
    turn(pair.hasAttribute("data-start-wiping"));
  }

  const clock = (seconds) => {
    const tenths = Math.round(Math.abs(seconds) * 10), whole = Math.floor(tenths / 10);
    const two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    const text = hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}.${tenths % 10}`;
    return (seconds < 0 ? "-" : "") + text;
  };
  window.clock = clock;
  const go = (at) => document.dispatchEvent(new CustomEvent("go", {detail: Number(at)}));
  window.goTo = go;

  for (const button of all("button.jump")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      go(button.dataset.at);
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      document.getElementById("time").scrollIntoView({behavior: still ? "auto" : "smooth", block: "start"});
      document.getElementById("said").textContent = `Now at ${clock(Number(button.dataset.at))}`;
    });
  }

  const chart = document.querySelector("svg.chart");
  if (!chart) return;
  const [start, end, left, right, bottom, top, floor] =
    ["start", "end", "left", "right", "bottom", "top", "low"].map((name) => Number(chart.dataset[name]));
  const cursor = document.createElementNS(chart.namespaceURI, "line");
  cursor.setAttribute("class", "cursor");
  cursor.setAttribute("y1", top);
  cursor.setAttribute("y2", bottom);
  chart.append(cursor);
  const lines = all("polyline", chart).map((line) =>
    line.getAttribute("points").split(" ").map((point) => point.split(",").map(Number)));
  const valueAt = (line, x) => {
    const near = line.reduce((best, point) => Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best);
    return (1 - (near[1] - top) / (bottom - top) * (1 - floor)).toFixed(3);
  };
  const moment = document.getElementById("moment"), range = moment.querySelector("input");
  moment.hidden = false;
  document.addEventListener("go", (event) => {
    const at = Math.min(end, Math.max(start, event.detail));
    const x = left + (at - start) / (end - start) * (right - left);
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    range.value = at;
    const around = chart.parentElement;
    around.scrollLeft = x / chart.viewBox.baseVal.width * around.scrollWidth - around.clientWidth / 2;
    const [whole, place] = lines.map((line) => valueAt(line, x));
    const text = `At ${clock(at)}: whole picture ${whole}, worst place ${place}.`;
    range.setAttribute("aria-valuetext", text);
    moment.querySelector("output").textContent = text;
  });
  range.addEventListener("input", () => go(range.value));
  chart.addEventListener("click", (event) => {
    const box = chart.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * chart.viewBox.baseVal.width;
    go(Math.min(end, Math.max(start, start + (x - left) / (right - left) * (end - start))));
  });
  go(chart.dataset.worst);
})();
