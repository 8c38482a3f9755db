// What every page shares: requests that prove where they come from, local times, files that are dropped and sent.
window.pages = (() => {
  const csrf = document.body.dataset.csrf || "";

  const localise = (root) => {
    for (const item of root.querySelectorAll("time[datetime]")) {
      const when = new Date(item.dateTime);
      item.title = item.textContent;
      // With its zone: a time in a case file is read elsewhere, and in another half of the year.
      item.textContent = when.toLocaleString(undefined, {day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short"});
    }
  };

  // The one line that an answer gives as its reason, and what to do.
  const reason = (status, text) => {
    if (status === 0) return "The service does not answer. Check your connection, and try again.";
    if (status === 401) return "You are not signed in any more. Sign in again in another window, then repeat this.";
    try {
      const said = JSON.parse(text);
      return [said.detail, said.hint].filter(Boolean).map((item) => item[0].toUpperCase() + item.slice(1)).join(". ") + ".";
    } catch {
      return "That did not work. Try again; if it fails again, tell whoever runs this service.";
    }
  };

  const post = async (path, body) => {
    let answer;
    try {
      answer = await fetch(path, {method: "POST", headers: {"X-CSRF": csrf, "Content-Type": "application/json"}, body: JSON.stringify(body)});
    } catch {
      throw new Error(reason(0, ""));
    }
    const text = await answer.text();
    if (!answer.ok) throw new Error(reason(answer.status, text));
    return JSON.parse(text);
  };

  const size = (bytes) => bytes < 999e3 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : bytes < 999e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;

  // Sends with progress; fetch does not tell how far an upload is. An error has the answer's status, 0 without one.
  const send = (method, path, {body = null, headers = {}, progress = () => {}, signal = null} = {}) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = (text, more) => reject(Object.assign(new Error(text), more));
    const code = () => { try { return JSON.parse(request.responseText).code; } catch { return ""; } };
    request.open(method, path);
    request.setRequestHeader("X-CSRF", csrf);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => progress(event.loaded, event.lengthComputable ? event.total : 0));
    request.addEventListener("load", () => request.status < 300 ? resolve(request) : fail(reason(request.status, request.responseText), {status: request.status, code: code()}));
    request.addEventListener("error", () => fail(reason(0, ""), {status: 0}));
    request.addEventListener("abort", () => fail("Sending was stopped. Nothing was kept.", {status: -1}));
    signal?.addEventListener("abort", () => request.abort(), {once: true});
    request.send(body);
  });

  // A drop zone over a file input; both lead to the same list.
  const dropping = (zone, input, list) => {
    const show = () => {
      list.replaceChildren(...[...input.files].map((file) => {
        const item = document.createElement("li");
        item.textContent = `${file.name}, ${size(file.size)}`;
        return item;
      }));
    };
    for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
    for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change"));
    });
    // A file that misses the zone must not replace the page.
    for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
    input.addEventListener("change", show);
    show();
  };

  localise(document);
  return {post, send, dropping, size, localise};
})();
