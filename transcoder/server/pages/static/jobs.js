// The list keeps itself up to date while something is under way; only entries that changed are replaced.
(() => {
  const list = document.getElementById("list");
  const busy = () => list.querySelector("#summary").dataset.busy === "1";
  const away = document.getElementById("away");
  let wait = 2000;

  const take = (fresh) => {
    const known = new Map([...list.querySelectorAll(".job")].map((item) => [item.dataset.id, item]));
    const items = [...fresh.querySelectorAll(".job")];
    const same = items.length === known.size && items.every((item, index) => list.querySelectorAll(".job")[index].dataset.id === item.dataset.id);
    if (!same) {
      const focused = document.activeElement && document.activeElement.closest(".job");
      list.replaceChildren(...fresh.children);
      if (focused) list.querySelector(`.job[data-id="${focused.dataset.id}"] a`)?.focus();
      return;
    }
    for (const item of items) {
      const old = known.get(item.dataset.id);
      if (old.dataset.revision === item.dataset.revision) continue;
      old.dataset.revision = item.dataset.revision;
      old.className = item.className;
      old.querySelector(".stand").replaceChildren(...item.querySelector(".stand").childNodes);
    }
    const summary = list.querySelector("#summary"), now = fresh.querySelector("#summary");
    if (summary.textContent !== now.textContent) summary.textContent = now.textContent;
    summary.dataset.busy = now.dataset.busy;
  };

  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(list.dataset.here, {headers: {"Accept": "application/json"}});
        if (answer.status === 401) { location.reload(); return; }
        if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
        window.pages.localise(fresh);
        take(fresh);
        away.hidden = true;
        wait = busy() ? 1500 : 10000;
      } catch {
        away.hidden = false;
        wait = Math.min(15000, wait * 2);
      }
    }
    setTimeout(look, wait);
  };
  setTimeout(look, busy() ? 1000 : 10000);
  document.addEventListener("visibilitychange", () => { wait = 1500; });
})();
