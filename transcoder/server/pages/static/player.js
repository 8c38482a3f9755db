// Source and copy side by side. The copy leads and the source follows on the source's own clock. Where the browser
// cannot play the source, its picture at that moment is decoded by the service and shown instead.
(() => {
  const root = document.getElementById("player");
  if (!root || !root.dataset.tracks) return;
  const find = (name) => root.querySelector(`[data-do="${name}"]`);
  const tracks = JSON.parse(root.dataset.tracks);
  const [first, last, step, begin] = ["first", "last", "step", "zero"].map((name) => Number(root.dataset[name]));
  const copy = find("copy"), source = find("source"), still = find("still"), seek = find("seek"), play = find("play");
  let now = first, part = -1, playing = false, plays = true, shifted = false, asked = 0;

  const say = (text) => { find("status").textContent = text; };
  const clock = (at) => `${Math.floor(at / 60)}:${(at % 60).toFixed(2).padStart(5, "0")}`;
  const zero = () => shifted ? begin : 0;
  const ready = (video) => video.readyState >= 1 && !video.error;
  const partAt = (at) => { const index = tracks.findIndex((item) => at < item.end - 1e-6); return index < 0 ? tracks.length - 1 : index; };
  const set = (video, at) => {
    const wanted = Math.max(0, at + 0.001); // a hair inside the picture: on its very edge the one before may be shown
    if (ready(video) && Math.abs(video.currentTime - wanted) > 0.0005) video.currentTime = wanted;
  };
  const paint = () => {
    seek.value = now;
    const text = `${clock(now - first)} of ${clock(last - first)}${tracks.length > 1 ? `, part ${part + 1} of ${tracks.length}` : ""}`;
    find("time").textContent = text;
    seek.setAttribute("aria-valuetext", text);
  };
  const look = () => {
    if (plays) return;
    clearTimeout(asked);
    asked = setTimeout(() => { still.src = `${root.dataset.frame}?t=${Math.max(0, now - first).toFixed(3)}`; }, 250);
  };
  const load = (index, then) => {
    if (index === part) { if (ready(copy)) then(); else copy.onloadeddata = then; return; }
    part = index;
    copy.onloadeddata = then;
    copy.src = tracks[index].src;
    copy.load();
  };
  const both = (action) => [copy, source].filter(ready).forEach(action);
  const stop = () => { playing = false; both((video) => video.pause()); play.textContent = plays ? "Play both" : "Play the copy"; look(); };
  const place = (at) => {
    now = Math.min(last, Math.max(first, at));
    const index = partAt(now);
    load(index, () => { set(copy, now - tracks[index].offset); set(source, now - zero()); });
    paint();
    look();
  };
  const goTo = (at) => { stop(); place(at); };
  const follow = () => {
    if (!playing) return;
    now = copy.currentTime + tracks[part].offset;
    if (copy.ended || now >= tracks[part].end + step) {
      if (part + 1 >= tracks.length) { stop(); return; }
      both((video) => video.pause());
      now = tracks[part + 1].start;
      load(part + 1, () => { set(copy, now - tracks[part].offset); set(source, now - zero()); both((video) => video.play()); });
    } else if (ready(source) && !source.seeking && copy.readyState > 2) {
      const ahead = source.currentTime + zero() - now;
      if (Math.abs(ahead) > 0.3) set(source, now - zero());
      source.playbackRate = Math.abs(ahead) > 0.015 ? Math.min(1.2, Math.max(0.8, 1 - ahead)) : 1;
    }
    paint();
    requestAnimationFrame(follow);
  };

  source.addEventListener("loadedmetadata", () => {
    if (!source.videoWidth) { source.dispatchEvent(new Event("error")); return; }
    // Browsers keep a file's own times; one that begins at zero all the same shows in its length.
    shifted = begin > 0.5 && source.duration < last - begin / 2;
    set(source, now - zero());
  });
  const unplayable = () => {
    if (!plays) return;
    plays = false;
    source.hidden = true;
    still.hidden = false;
    play.textContent = "Play the copy";
    say("This browser cannot play the source’s format. You see its picture at the moment where the copy stands still.");
    look();
  };
  source.addEventListener("error", unplayable);
  copy.addEventListener("error", () => { if (copy.getAttribute("src")) say("This browser cannot play the copy. Download it and open it in a player."); });
  copy.addEventListener("loadedmetadata", () => {
    for (const video of [copy, source]) video.style.aspectRatio = `${copy.videoWidth} / ${copy.videoHeight}`;
  });
  play.addEventListener("click", () => {
    if (playing) { stop(); return; }
    if (now >= last - step) place(first);
    playing = true;
    play.textContent = "Pause";
    both((video) => { video.play().catch(stop); });
    requestAnimationFrame(follow);
  });
  find("back").addEventListener("click", () => goTo(now - step));
  find("forward").addEventListener("click", () => goTo(now + step));
  find("worst")?.addEventListener("click", () => goTo(Number(root.dataset.worst)));
  seek.addEventListener("input", () => goTo(Number(seek.value)));
  find("sound").addEventListener("change", ({target}) => { copy.muted = target.value !== "copy"; source.muted = target.value !== "source"; });
  place(first);
  if (source.error) unplayable(); // it may have failed before this script listened
})();
