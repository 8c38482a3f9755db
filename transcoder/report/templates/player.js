// Source and copy play together. The copy leads; the source follows it, part after part on the source's own clock.
(() => {
  const root = document.getElementById("player");
  if (!root) return;
  root.hidden = false;
  const find = (name) => root.querySelector(`[data-do="${name}"]`);
  const {first, last, step, worst} = Object.fromEntries(Object.entries(root.dataset).map(([k, v]) => [k, Number(v)]));
  const parts = [...root.querySelectorAll("[data-name]")].map(({dataset}) => ({
    name: dataset.name, start: Number(dataset.start), end: Number(dataset.end), offset: Number(dataset.offset), url: "",
  }));
  const copy = find("copy"), source = find("source"), stage = find("stage"), status = find("status");
  const seek = find("seek"), play = find("play"), time = find("time");
  let now = first, part = -1, playing = false, moving = 0;

  const say = (text) => { status.textContent = text; };
  const ready = (video) => video.readyState >= 1 && !video.error;
  // Browsers keep a file's own times, as the certificate does. One that begins at zero all the same shows in the length.
  const begin = Number(source.dataset.zero);
  let shifted = false;
  const zero = () => Number(find("shift").value) / 1000 + (shifted ? begin : 0);
  const speed = () => Number(find("speed").value);
  const partAt = (at) => {
    const index = parts.findIndex((item) => at < item.end - 1e-6);
    return index < 0 ? parts.length - 1 : index;
  };
  const set = (video, at) => {
    // A hair inside the picture: on the very edge the one before may be shown.
    const wanted = Math.max(0, at + 0.001);
    if (ready(video) && Math.abs(video.currentTime - wanted) > 0.0005) video.currentTime = wanted;
  };
  const paint = () => {
    seek.value = now;
    time.textContent = `${window.clock(now)} of ${window.clock(last)}` + (parts.length > 1 ? `, part ${part + 1} of ${parts.length}` : "");
    seek.setAttribute("aria-valuetext", time.textContent);
  };
  const load = (index, then) => {
    if (index === part && copy.getAttribute("src")) {
      if (ready(copy)) then(); else copy.onloadeddata = then;
      return undefined;
    }
    part = index;
    if (!parts[index].url) return say(`${parts[index].name} is not open`);
    copy.onloadeddata = then;
    copy.src = parts[index].url;
    return copy.load();
  };
  const both = (action) => [copy, source].filter(ready).forEach(action);
  const stop = () => {
    playing = false;
    both((video) => video.pause());
    play.textContent = "Play both";
  };
  const place = (at) => {
    now = Math.min(last, Math.max(first, at));
    const index = partAt(now), mine = ++moving;
    const arrive = () => { if (mine === moving) { set(copy, now - parts[index].offset); set(source, now - zero()); } };
    if (parts[index].url) load(index, arrive); else set(source, now - zero());
    paint();
  };
  const goTo = (at) => { stop(); window.goTo(at); };
  document.addEventListener("go", (event) => { if (playing) stop(); place(event.detail); });

  const follow = () => {
    if (!playing) return;
    const leader = ready(copy) ? copy : source;
    now = leader === copy ? copy.currentTime + parts[part].offset : source.currentTime + zero();
    const over = leader === copy && (copy.ended || now >= parts[part].end + step);
    if (over && part + 1 < parts.length) {
      both((video) => video.pause());
      now = parts[part + 1].start;
      load(part + 1, () => {
        set(copy, now - parts[part].offset);
        set(source, now - zero());
        both((video) => { video.playbackRate = speed(); video.play(); });
      });
    } else if (leader.ended || now >= last + step) {
      stop();
      place(last);
      return;
    } else if (leader === copy && ready(source) && !source.seeking && !copy.seeking && copy.readyState > 2) {
      const ahead = source.currentTime + zero() - now;
      if (Math.abs(ahead) > 0.3) set(source, now - zero());
      source.playbackRate = speed() * (Math.abs(ahead) > 0.015 ? Math.min(1.2, Math.max(0.8, 1 - ahead)) : 1);
    }
    paint();
    requestAnimationFrame(follow);
  };
  const start = () => {
    if (![copy, source].some(ready)) return say("Open the files first.");
    if (now >= last - step / 2) window.goTo(first);
    playing = true;
    play.textContent = "Pause both";
    both((video) => { video.playbackRate = speed(); video.play().catch(() => stop()); });
    return requestAnimationFrame(follow);
  };

  const opened = () => {
    root.classList.add("open");
    if (copy.src || source.src) stage.hidden = find("controls").hidden = false;
    place(now);
  };
  const broken = (video, name) => video.addEventListener("error", () => {
    if (video.getAttribute("src")) say(`This browser cannot open ${name()}. It may lie elsewhere, or be of a kind that browsers do not play.`);
  });
  broken(copy, () => parts[Math.max(0, part)].name);
  broken(source, () => source.dataset.shown);
  for (const video of [copy, source]) video.addEventListener("loadedmetadata", () => {
    if (video.videoWidth) stage.style.setProperty("--shape", `${video.videoWidth} / ${video.videoHeight}`);
    if (video === source) shifted = begin > 0.5 && video.currentTime < begin / 2 && video.duration < last - begin / 2;
    place(now);
  });
  find("open-source").addEventListener("change", ({target}) => {
    if (!target.files.length) return;
    source.dataset.shown = target.files[0].name;
    source.src = URL.createObjectURL(target.files[0]);
    const same = target.files[0].name === root.dataset.master;
    say(same ? "" : `The certificate names ${root.dataset.master}; you opened ${target.files[0].name}.`);
    opened();
  });
  find("open-copy").addEventListener("change", ({target}) => {
    for (const file of target.files) {
      const match = parts.find((item) => item.name === file.name) || (parts.length === 1 ? parts[0] : null);
      if (match) match.url = URL.createObjectURL(file);
    }
    const lacking = parts.filter((item) => !item.url).map((item) => item.name);
    say(lacking.length ? `Still missing: ${lacking.join(", ")}` : "");
    part = -1;
    opened();
  });
  find("beside").addEventListener("click", () => {
    const near = (name) => `./${encodeURIComponent(name)}`;
    for (const item of parts) item.url = near(item.name);
    source.dataset.shown = root.dataset.master;
    source.src = near(root.dataset.master);
    part = -1;
    opened();
  });

  play.addEventListener("click", () => { if (playing) { stop(); window.goTo(now); } else start(); });
  find("back").addEventListener("click", () => goTo(now - step));
  find("forward").addEventListener("click", () => goTo(now + step));
  if (find("worst")) find("worst").addEventListener("click", () => goTo(worst));
  seek.addEventListener("input", () => goTo(Number(seek.value)));
  find("shift").addEventListener("input", () => place(now));
  find("sound").addEventListener("change", ({target}) => {
    copy.muted = target.value !== "copy";
    source.muted = target.value !== "source";
  });
  const range = window.wiper(stage, copy, "the films", () => stage.classList.contains("over"));
  range.hidden = true;
  stage.after(range);
  find("mode").addEventListener("click", ({target}) => {
    const over = stage.classList.toggle("over");
    range.hidden = !over;
    copy.style.clipPath = over ? `inset(0 0 0 ${range.value}%)` : "";
    target.textContent = over ? "Show side by side" : "Wipe between the two";
  });
  paint();
})();
