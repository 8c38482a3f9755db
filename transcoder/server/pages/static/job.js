// Follows a job that is under way; when it ends the page is loaded again, with everything that came of it.
(() => {
  const root = document.getElementById("job");
  if (root.dataset.over === "1") return;
  const phases = JSON.parse(root.dataset.phases), underWay = JSON.parse(root.dataset.underWay);
  const phase = document.getElementById("phase"), bar = document.getElementById("bar"), spoken = document.getElementById("spoken");
  const warnings = document.getElementById("warnings");
  let state = root.dataset.state, told = -1, warned = warnings.childElementCount;

  const away = document.getElementById("away"), place = `/v1/jobs/${root.dataset.id}`;
  let wait = 1000;

  // A stream that ends may be a service that restarts: one question tells whether it is back.
  const look = async () => {
    try {
      const answer = await fetch(place, {cache: "no-store"});
      if ([401, 404, 410].includes(answer.status)) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      away.hidden = true;
      wait = 1000;
      follow();
    } catch {
      away.hidden = false;
      wait = Math.min(10000, wait * 1.5);
      setTimeout(look, wait);
    }
  };
  const follow = () => {
    const source = new EventSource(`${place}/events`);
    source.addEventListener("job", (event) => { if (show(JSON.parse(event.data))) source.close(); });
    source.addEventListener("error", () => { source.close(); setTimeout(look, wait); });
  };

  // Show how it stands; whether it is over.
  const show = (job) => {
    wait = 1000;
    if (!(job.state in underWay)) { location.reload(); return true; }
    if (job.state !== state) {
      // In place: somebody may be about to cancel it, and must not lose the button under their hands.
      state = job.state;
      [document.getElementById("state"), root.querySelector("h1"), document.getElementById("meaning")].forEach((item, index) => {
        item.textContent = underWay[state][index];
      });
      if (state === "queued") phase.textContent = underWay[state][0];
    }
    const percent = Math.floor(job.percent);
    bar.value = percent;
    if (job.state === "running") {
      const words = phases[job.phase] || job.phase;
      phase.textContent = `${words[0].toUpperCase()}${words.slice(1)}, ${percent} %`;
      // A screen reader hears every tenth, not every change.
      if (Math.floor(percent / 10) !== told) { told = Math.floor(percent / 10); spoken.textContent = phase.textContent; }
    }
    for (const text of job.warnings.slice(warned)) {
      const note = document.createElement("p"), head = document.createElement("b");
      note.className = "note care";
      head.textContent = "Note: ";
      note.append(head, text);
      warnings.append(note);
    }
    warned = Math.max(warned, job.warnings.length);
    return false;
  };
  follow();
})();
