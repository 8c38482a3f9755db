// Sends a delivery to be checked, and shows the steps.
(() => {
  const form = document.getElementById("verify"), input = document.getElementById("file"), wrong = document.getElementById("wrong");
  const sending = document.getElementById("sending"), sent = document.getElementById("sent"), bar = document.getElementById("bar");
  const go = document.getElementById("go"), result = document.getElementById("result");
  window.pages.dropping(document.getElementById("drop"), input, document.getElementById("chosen"));

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    wrong.hidden = true;
    result.replaceChildren();
    if (!input.files.length) {
      wrong.textContent = "Choose the files first.";
      wrong.hidden = false;
      input.focus();
      return;
    }
    const body = new FormData();
    for (const file of input.files) body.append("file", file, file.name);
    const source = document.getElementById("source").files[0];
    if (source) body.append("source", source, source.name);
    go.disabled = true;
    sending.hidden = false;
    sent.textContent = "Sending";
    bar.value = 0;
    try {
      const progress = (done, total) => {
        bar.value = total ? 100 * done / total : 0;
        if (total && done >= total) { sent.textContent = source ? "Checking; every picture is compared with the source" : "Checking"; bar.removeAttribute("value"); }
      };
      const text = (await window.pages.send("POST", "/verify", {body, progress})).responseText;
      // The service escapes what is in it, and the page's policy lets nothing in it run.
      const made = new DOMParser().parseFromString(text, "text/html").body;
      window.pages.localise(made);
      result.replaceChildren(...made.children);
      result.focus();
    } catch (error) {
      wrong.textContent = error.message;
      wrong.hidden = false;
    } finally {
      go.disabled = false;
      sending.hidden = true;
    }
  });
})();
