// A link with data-dialog opens the page it leads to as a drawer; without this script it is a link.
// The page's #panel is shown; its forms post like any other and lead to a whole page.
const drawer = document.getElementById("drawer");

async function open(link) {
  let answer;
  try {
    answer = await fetch(link.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  } catch {
    location.assign(link.href);
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const panel = page.getElementById("panel");
  if (!answer.ok || !panel) {
    location.assign(link.href);
    return;
  }
  drawer.replaceChildren(document.importNode(panel, true));
  htmx.process(drawer);
  drawer.returnTo = link;
  drawer.showModal();
  drawer.querySelector("#panel-title")?.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-dialog]");
  if (link && drawer && event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey)) {
    event.preventDefault();
    open(link);
    return;
  }
  if (drawer?.open && event.target.closest?.("[data-close]")) {
    event.preventDefault();
    drawer.close();
  }
});

// A click beside the drawer, which hits the dialog element itself, closes it too.
drawer?.addEventListener("pointerdown", (event) => {
  const box = drawer.getBoundingClientRect();
  if (event.target === drawer && event.clientX < box.left) drawer.close();
});

drawer?.addEventListener("close", () => {
  drawer.replaceChildren();
  if (drawer.returnTo?.isConnected) drawer.returnTo.focus();
  drawer.returnTo = null;
});
