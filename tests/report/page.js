// What of a page can be wrong to the eye: runs in the page, and gives a list of sentences.
() => {
  const problems = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width)
    problems.push(`the page is ${document.documentElement.scrollWidth} px wide, the window ${width}`);

  const seen = element => {
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.display === "none" || style.visibility === "hidden") return false;
      if (e.tagName === "DETAILS" && !e.open && !(element.closest("summary") && element.closest("summary").parentElement === e))
        return false;
    }
    return true;
  };
  // Each piece of text with the boxes of its lines.
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "STYLE", "TITLE", "DESC"].includes(parent.tagName.toUpperCase()) || !seen(parent)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      if (box.width > 0.5) texts.push({text: node.data.trim().slice(0, 40), box, svg: !!parent.closest("svg")});
  }
  for (const {text, box} of texts)
    if (box.left < -0.5 || box.right > width + 0.5) problems.push(`"${text}" leaves the window: ${box.left.toFixed(1)} to ${box.right.toFixed(1)}`);
  // A line of text is less high than its box: what is left of both must not meet.
  const inner = ({box, svg}) => ({l: box.left + 0.5, r: box.right - 0.5, t: box.top + box.height * (svg ? 0.25 : 0.2), b: box.bottom - box.height * (svg ? 0.25 : 0.2)});
  for (let i = 0; i < texts.length; ++i)
    for (let j = i + 1; j < texts.length; ++j) {
      const a = inner(texts[i]), b = inner(texts[j]);
      if (a.l < b.r && b.l < a.r && a.t < b.b && b.t < a.b) problems.push(`"${texts[i].text}" lies on "${texts[j].text}"`);
    }
  // What is in a box stays in it.
  for (const box of document.querySelectorAll(".tiles li, .card, .verdict, td, th, dd"))
    if (seen(box) && box.scrollWidth > box.clientWidth + 1) problems.push(`"${box.textContent.slice(0, 40)}" is wider than its box`);
  return problems;
}
