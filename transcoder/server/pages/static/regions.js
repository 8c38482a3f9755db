// Boxes on a picture: drawn with a mouse or finger, or added, moved and resized by keyboard. Their corners are shares
// of the picture as it is shown; the service knows how it was turned.
(() => {
  const root = document.getElementById("regions"), easel = document.getElementById("easel"), frame = document.getElementById("frame");
  const list = document.getElementById("boxes"), none = document.getElementById("none"), go = document.getElementById("go");
  const wrong = document.getElementById("wrong"), status = document.getElementById("status"), seek = document.getElementById("seek");
  const length = Number(root.dataset.length), step = Number(root.dataset.step) || 0.04;
  const boxes = [];
  const LEAST = 0.004, NUDGE = 0.005;
  let now = 0, asked = 0;

  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const paint = (box) => {
    Object.assign(box.element.style, {left: `${box.left * 100}%`, top: `${box.top * 100}%`, width: `${box.width * 100}%`, height: `${box.height * 100}%`});
    for (const name of ["left", "top", "width", "height"]) {
      const field = box.field(name);
      if (field !== document.activeElement) field.value = (box[name] * 100).toFixed(1);
    }
  };
  const number = () => {
    boxes.forEach((box, index) => {
      const kind = box.field("kind");
      const name = `Box ${index + 1}: ${kind.options[kind.selectedIndex].text.toLowerCase()}`;
      box.element.querySelector("b").textContent = index + 1;
      box.element.setAttribute("aria-label", `${name}. Arrow keys move it, Shift with an arrow key changes its size, Delete removes it.`);
      box.entry.querySelector("h3").textContent = name;
      box.field("remove").setAttribute("aria-label", `Remove box ${index + 1}`);
    });
    none.hidden = boxes.length > 0;
    go.disabled = boxes.length === 0;
  };
  const keep = (box) => {
    box.width = clamp(box.width, LEAST, 1);
    box.height = clamp(box.height, LEAST, 1);
    box.left = clamp(box.left, 0, 1 - box.width);
    box.top = clamp(box.top, 0, 1 - box.height);
    paint(box);
  };
  const remove = (box) => {
    const index = boxes.indexOf(box);
    boxes.splice(index, 1);
    box.element.remove();
    box.entry.remove();
    number();
    status.textContent = "The box was removed.";
    (boxes[Math.max(0, index - 1)]?.element || document.getElementById("add")).focus();
  };
  const make = (left, top, width, height) => {
    const element = document.createElement("div");
    element.className = "box";
    element.tabIndex = 0;
    element.setAttribute("role", "application");
    element.setAttribute("aria-roledescription", "box that can be moved");
    element.append(document.createElement("b"), document.createElement("i"));
    const entry = document.getElementById("entry").content.cloneNode(true).firstElementChild;
    const box = {left, top, width, height, element, entry, field: (name) => entry.querySelector(`[data-is="${name}"]`)};
    boxes.push(box);
    easel.append(element);
    list.append(entry);
    box.field("kind").addEventListener("change", number);
    box.field("remove").addEventListener("click", () => remove(box));
    for (const name of ["left", "top", "width", "height"]) box.field(name).addEventListener("change", ({target}) => {
      const value = Number(target.value.replace(",", "."));
      if (Number.isFinite(value)) box[name] = value / 100;
      target.blur();
      keep(box);
    });
    for (const [button, field] of [["from-here", "from"], ["to-here", "to"]]) box.field(button)?.addEventListener("click", () => {
      box.field(field).value = now.toFixed(2);
    });
    element.addEventListener("keydown", (event) => {
      const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
      if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); remove(box); return; }
      if (!moves) return;
      event.preventDefault();
      const [x, y] = moves.map((move) => move * NUDGE * (event.ctrlKey ? 0.2 : 1));
      if (event.shiftKey) {
        box.width = Math.min(box.width + x, 1 - box.left);
        box.height = Math.min(box.height + y, 1 - box.top);
      } else { box.left += x; box.top += y; }
      keep(box);
    });
    paint(box);
    number();
    return box;
  };

  const at = (event) => {
    const area = frame.getBoundingClientRect();
    return [clamp((event.clientX - area.left) / area.width, 0, 1), clamp((event.clientY - area.top) / area.height, 0, 1)];
  };
  easel.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    const [x, y] = at(event);
    const held = boxes.find((box) => box.element.contains(event.target));
    const size = held && event.target.tagName === "I";
    const box = held || make(x, y, LEAST, LEAST);
    const start = {left: box.left, top: box.top, width: box.width, height: box.height};
    easel.setPointerCapture(event.pointerId);
    const move = (next) => {
      const [toX, toY] = at(next);
      if (!held) Object.assign(box, {left: Math.min(x, toX), top: Math.min(y, toY), width: Math.abs(toX - x), height: Math.abs(toY - y)});
      else if (size) Object.assign(box, {width: Math.min(start.width + toX - x, 1 - box.left), height: Math.min(start.height + toY - y, 1 - box.top)});
      else Object.assign(box, {left: start.left + toX - x, top: start.top + toY - y});
      keep(box);
    };
    const end = () => {
      easel.removeEventListener("pointermove", move);
      easel.removeEventListener("pointerup", end);
      easel.removeEventListener("pointercancel", end);
      if (!held && (box.width < 0.01 || box.height < 0.01)) { remove(box); status.textContent = "Too small for a box: draw from one corner to the other."; return; }
      if (!held) status.textContent = `Box ${boxes.indexOf(box) + 1} is drawn. Say below what it is.`;
      box.element.focus();
    };
    easel.addEventListener("pointermove", move);
    easel.addEventListener("pointerup", end);
    easel.addEventListener("pointercancel", end);
  });
  document.getElementById("add").addEventListener("click", () => {
    // Never exactly upon another one, which would then be hidden.
    let at = 0.4;
    while (at < 0.75 && boxes.some((box) => Math.abs(box.left - at) < 0.02 && Math.abs(box.top - at) < 0.02)) at += 0.04;
    make(at, at, 0.2, 0.2).element.focus();
    status.textContent = "A box was added in the middle.";
  });

  if (seek) {
    const show = (moment) => {
      now = clamp(moment, 0, length);
      seek.value = now;
      document.getElementById("at").textContent = `${now.toFixed(2)} s of ${length.toFixed(2)} s`;
      seek.setAttribute("aria-valuetext", `${now.toFixed(2)} seconds`);
      clearTimeout(asked);
      asked = setTimeout(() => {
        easel.classList.add("busy");
        frame.src = `/jobs/${root.dataset.id}/frame?t=${now.toFixed(3)}`;
      }, 200);
    };
    seek.addEventListener("input", () => show(Number(seek.value)));
    document.getElementById("back").addEventListener("click", () => show(now - step));
    document.getElementById("forward").addEventListener("click", () => show(now + step));
    document.getElementById("at").textContent = `${now.toFixed(2)} s of ${length.toFixed(2)} s`;
  }
  frame.addEventListener("load", () => { easel.classList.remove("busy"); if (status.textContent.startsWith("This picture")) status.textContent = ""; });
  frame.addEventListener("error", () => { easel.classList.remove("busy"); status.textContent = "This picture cannot be shown. Try another moment."; });

  const complain = (text, field) => { wrong.textContent = text; wrong.hidden = false; field?.focus(); };
  go.addEventListener("click", async () => {
    wrong.hidden = true;
    const made = [];
    for (const box of boxes) {
      const one = {kind: box.field("kind").value, left: box.left, top: box.top, width: box.width, height: box.height, note: box.field("note").value};
      for (const [field, key] of [["from", "from_s"], ["to", "to_s"]]) {
        const text = box.field(field)?.value.trim().replace(",", ".");
        if (!text) continue;
        if (!/^\d+(\.\d+)?$/.test(text)) { complain("A time must be a number of seconds, like 12 or 12.5.", box.field(field)); return; }
        one[key] = Number(text);
      }
      if (one.to_s !== undefined && one.from_s > one.to_s) { complain("A box ends before it begins. Change its times.", box.field("to")); return; }
      made.push(one);
    }
    go.disabled = true;
    try {
      location.assign((await window.pages.post(`/jobs/${root.dataset.id}/regions`, {boxes: made})).href);
    } catch (error) {
      go.disabled = false;
      complain(error.message, go);
    }
  });
})();
