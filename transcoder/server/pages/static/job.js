// Follows a job that is under way; when it ends the page is loaded again, with everything that came of it.
(() => {
  const root = document.getElementById("job");
  if (root.dataset.over === "1") return;
  const phases = JSON.parse(root.dataset.phases), underWay = JSON.parse(root.dataset.underWay);
  const phase = document.getElementById("phase"), bar = document.getElementById("bar"), spoken = document.getElementById("spoken");
  const warnings = document.getElementById("warnings");
  let state = root.dataset.state, told = -1, warned = warnings.childElementCount;

  const source = new EventSource(`/v1/jobs/${root.dataset.id}/events`);
  source.addEventListener("job", (event) => {
    const job = JSON.parse(event.data);
    if (!(job.state in underWay)) { source.close(); location.reload(); return; }
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
  });
})();
