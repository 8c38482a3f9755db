// Hands files in, one after another, with the same choices; or a known source another way.
(() => {
  const form = document.getElementById("new"), input = document.getElementById("file"), wrong = document.getElementById("wrong");
  const go = document.getElementById("go"), stop = document.getElementById("stop");
  const sending = document.getElementById("sending"), sent = document.getElementById("sent"), bar = document.getElementById("bar");
  const known = form.dataset.known;
  const away = document.getElementById("away");
  let under = null;
  if (input) window.pages.dropping(document.getElementById("drop"), input, document.getElementById("chosen"));

  const complain = (text, field) => {
    wrong.textContent = text;
    wrong.hidden = false;
    if (field) {
      field.closest("details")?.setAttribute("open", "");
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", "wrong");
      field.focus();
    }
    return null;
  };
  const wishes = () => {
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    wrong.hidden = true;
    const text = (name) => form.elements[name].value.trim();
    const made = {profile: text("profile"), priority: text("priority"), case: {}};
    for (const name of ["urn", "exhibit", "operator", "description"]) if (text(name)) made.case[name] = text(name);
    for (const [name, whole] of [["from_s", false], ["to_s", false], ["cap_bytes", true], ["stills", true]]) {
      if (!text(name)) continue;
      if (!(whole ? /^\d{1,12}$/ : /^\d{1,7}(\.\d{1,9})?$/).test(text(name))) return complain("This must be a number, like 12 or 12.5.", form.elements[name]);
      made[name] = whole ? Number(text(name)) : text(name);
    }
    if (text("deadline")) {
      const when = new Date(text("deadline"));
      if (when < new Date()) return complain("That moment has passed. Choose a later one.", form.elements.deadline);
      made.deadline = when.toISOString();
    }
    if (form.elements.with_original.checked) made.with_original = true;
    if (form.elements.accept_degraded.checked) {
      if (!made.case.operator) return complain("Who decides to send it below the required quality? Give a name.", form.elements.operator);
      if (!text("reason")) return complain("Say why it is sent below the required quality.", form.elements.reason);
      made.accept_degraded = true;
      made.reason = text("reason");
    }
    return made;
  };
  const busy = (on) => { go.disabled = on; stop.hidden = sending.hidden = !on; if (!on) away.hidden = true; };
  stop.addEventListener("click", () => under?.abort());
  window.addEventListener("beforeunload", (event) => { if (under) event.preventDefault(); });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (input && !input.files.length) { complain("Choose a file first.", input); return; }
    const asked = wishes();
    if (!asked) return;
    if (input) for (const file of input.files) {
      if (file.size > Number(form.dataset.limit)) { complain(`${file.name} is larger than ${window.pages.size(Number(form.dataset.limit))}.`, input); return; }
      if (!file.size) { complain(`${file.name} is empty.`, input); return; }
    }
    go.disabled = true;
    try {
      if (known) {
        location.assign((await window.pages.post(`/jobs/${known}/again`, asked)).href);
        return;
      }
      busy(true);
      const files = [...input.files];
      let job = null;
      for (const [index, file] of files.entries()) {
        const which = files.length > 1 ? `File ${index + 1} of ${files.length}: ` : "";
        sent.textContent = `${which}sending ${file.name}`;
        under = new AbortController();
        job = await window.sending.handIn(file, asked, {
          signal: under.signal,
          away: (gone) => { away.hidden = !gone; },
          progress: (done, total) => {
            bar.value = total ? 100 * done / total : 0;
            if (total && done >= total) sent.textContent = `${which}sent; it is being checked in`;
          },
        });
      }
      under = null;
      location.assign(files.length === 1 ? `/jobs/${job.id}` : "/jobs");
    } catch (error) {
      under = null;
      busy(false);
      complain(error.message, null);
      go.focus();
    }
  });
})();
