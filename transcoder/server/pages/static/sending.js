// Sends a file and makes it a job. Where the connection breaks it waits for the service and goes on from there.
window.sending = (() => {
  const BLOCK = 16e6, FIRST_PAUSE_MS = 1000, LONGEST_PAUSE_MS = 15000, PATIENCE_MS = 1800000, STRIKES = 5;
  const FLEETING = new Set([0, 408, 423, 429, 502, 503, 504]);
  const TUS = {"Tus-Resumable": "1.0.0"};
  const {send} = window.pages;
  const begun = new WeakMap();

  const pause = (ms, signal) => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, {once: true});
  });
  const answers = () => fetch("/healthz", {cache: "no-store"}).then((answer) => answer.ok, () => false);

  // Does something until the service answers it.
  const insist = async (attempt, {away, signal}) => {
    let wait = FIRST_PAUSE_MS, since = null, strikes = 0;
    for (;;) {
      try {
        const value = await attempt();
        away(false);
        return value;
      } catch (error) {
        since ??= Date.now();
        if (signal.aborted || !FLEETING.has(error.status) || Date.now() - since > PATIENCE_MS) throw error;
        // A file that was moved or changed meanwhile looks like a lost connection.
        if (error.status === 0 && await answers() && ++strikes >= STRIKES) throw new Error("This file cannot be sent: it was changed or moved, or the connection breaks each time. Choose it again.");
        away(true);
        await pause(wait, signal);
        if (signal.aborted) throw error;
        wait = Math.min(LONGEST_PAUSE_MS, wait * 2);
      }
    }
  };

  const inOneForm = (file, asked, how) => insist(() => {
    const body = new FormData();
    body.append("options", JSON.stringify(asked));
    body.append("file", file, file.name);
    return send("POST", "/v1/jobs", {body, progress: how.progress, signal: how.signal});
  }, how);

  const named = (name) => btoa(String.fromCharCode(...new TextEncoder().encode(name)));
  const inBlocks = async (file, how) => {
    if (!begun.has(file)) {
      const headers = {...TUS, "Upload-Length": String(file.size), "Upload-Metadata": `filename ${named(file.name)}`};
      const made = await insist(() => send("POST", "/v1/uploads", {headers, signal: how.signal}), how);
      begun.set(file, {place: new URL(made.getResponseHeader("Location"), location.href).pathname, known: false});
      how.signal.addEventListener("abort", () => send("DELETE", begun.get(file)?.place, {headers: TUS}).catch(() => {}).finally(() => begun.delete(file)), {once: true});
    }
    const upload = begun.get(file);
    let offset = upload.known ? null : 0;
    upload.known = true;
    while (offset === null || offset < file.size) {
      offset = await insist(async () => {
        const at = offset ?? Number((await send("HEAD", upload.place, {headers: TUS, signal: how.signal})).getResponseHeader("Upload-Offset"));
        offset = null;  // whatever goes wrong now, the service is asked how much came
        if (at >= file.size) return at;
        const headers = {...TUS, "Upload-Offset": String(at), "Content-Type": "application/offset+octet-stream"};
        const answer = await send("PATCH", upload.place, {
          headers, body: file.slice(at, at + BLOCK), signal: how.signal, progress: (done) => how.progress(at + done, file.size),
        });
        return Number(answer.getResponseHeader("Upload-Offset"));
      }, how);
    }
    return upload.place.split("/").pop();
  };

  // The job that was made of the file.
  const handIn = async (file, asked, how) => {
    if (file.size > BLOCK) {
      try {
        const upload = await inBlocks(file, how);
        const body = JSON.stringify({source: {upload}, options: asked});
        const headers = {"Content-Type": "application/json"};
        return JSON.parse((await insist(() => send("POST", "/v1/jobs", {body, headers, signal: how.signal}), how)).responseText);
      } catch (error) {
        if (![404, 410].includes(error.status) && error.code !== "upload-elsewhere") throw error;
        begun.delete(file);  // it was given up, or several hosts answer under one name
      }
    }
    return JSON.parse((await inOneForm(file, asked, how)).responseText);
  };

  return {handIn};
})();
