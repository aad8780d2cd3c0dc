#include "run/report/html/html_style.h"

namespace ordeal::report {

const char* const kHtmlStyle = R"css(
:root{color-scheme:light dark;--bg:#fafaf8;--card:#fff;--ink:#1d2126;--soft:#5d6670;--faint:#e7e7e3;--line:#2a5db0;
--attack:#c98a1b;--bad:#b3261e;--good:#1d7a4c;--alarm:#8a3ffc;--wash:#f3f3ef}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1b1f23;--ink:#e6e8ea;--soft:#9aa4ad;--faint:#2d3338;
--line:#7fb0ff;--attack:#e0a840;--bad:#ff7d73;--good:#5fce97;--alarm:#be95ff;--wash:#22272b}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif;
font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
main{max-width:960px;margin:0 auto;padding:48px 40px 72px}
h1{font-size:30px;line-height:1.2;margin:4px 0 20px;letter-spacing:-.015em}
h2{font-size:19px;margin:56px 0 16px;letter-spacing:-.01em}
h3{font-size:16px;margin:0}
p{margin:0 0 8px;overflow-wrap:anywhere}
.eyebrow,dt,th{color:var(--soft);font-size:13px;font-weight:400}
.hypothesis{font-size:18px;line-height:1.5;margin:0 0 28px;padding-left:16px;border-left:3px solid var(--faint)}
.verdict{background:var(--card);border:1px solid var(--faint);border-left:5px solid var(--tone);border-radius:8px;padding:20px 24px}
.verdict h2{margin:0 0 4px;font-size:21px;color:var(--tone)}
.verdict p{margin:0;font-size:16px}
.good{--tone:var(--good)}.bad{--tone:var(--bad)}.alarm{--tone:var(--alarm)}.neutral{--tone:var(--soft)}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:6px 24px;margin:28px 0 0}
dl.facts dd{margin:0;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(134px,1fr));gap:12px;margin:24px 0 0;padding:0;list-style:none}
.tiles li{background:var(--wash);border-radius:8px;padding:14px}
.tiles b{display:block;font-size:20px;font-weight:600;line-height:1.3}
.tiles li.good b{color:var(--good)}
.tiles .alarm{--tone:var(--bad)}
.tiles li.bad,.tiles li.alarm{background:var(--card);box-shadow:inset 0 0 0 1.5px var(--tone)}
.tiles li.bad b,.tiles li.alarm b{color:var(--tone)}
.tiles li{overflow-wrap:anywhere}
td.revert.bad,td.revert.alarm{color:var(--tone)}
.effect,.counted{font-size:14px;margin:-6px 0 12px}
figure{margin:0;position:relative}
.tip{position:absolute;pointer-events:none;background:var(--ink);color:var(--bg);border-radius:4px;padding:2px 7px;font-size:12px;white-space:nowrap}
.chart .cursor{stroke:var(--ink);stroke-opacity:.5}
dl.facts details{color:var(--soft);font-size:13px}
.tiles span{color:var(--soft);font-size:13px}
.card{background:var(--card);border:1px solid var(--faint);border-radius:8px;padding:20px 24px 12px;margin:0 0 20px;break-inside:avoid}
.card header{display:flex;flex-wrap:wrap;justify-content:space-between;gap:2px 16px;margin:0 0 2px}
.card .must{color:var(--soft);margin:0 0 12px}
.badge{color:var(--tone);font-weight:600;white-space:nowrap}
ol.next code,.verdict code{background:var(--wash);border-radius:4px;padding:1px 4px}
code,pre{font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
.query{display:block;color:var(--soft);margin:2px 0 8px;overflow-wrap:anywhere}
.whens{display:flex;flex-wrap:wrap;gap:4px 32px;margin:0 0 14px;padding:0;list-style:none;font-size:14px}
.whens b{font-weight:600}.whens span{color:var(--soft)}.whens .standing{color:var(--tone);white-space:nowrap}
.chart{display:block;width:100%;height:auto;overflow:visible;font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif}
.chart text{fill:var(--soft)}
.chart .y,.chart .leftward{text-anchor:end}.chart .x{text-anchor:middle}
.chart .grid{stroke:var(--faint)}.chart .axis{stroke:var(--soft);stroke-opacity:.5}
.chart .edge{stroke:var(--soft);stroke-opacity:.35;stroke-dasharray:1 3}
.chart .attack{fill:var(--attack);fill-opacity:.13}
.chart .phase{fill:var(--faint)}.chart .inject,.chart .during,.chart .revert{fill:var(--attack)}
.chart .gap{fill:var(--soft);fill-opacity:.1}
.chart use{fill:none;stroke:var(--line);stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}
.chart use.beyond{stroke:var(--bad);stroke-width:2.2}
.chart line.limit{stroke:var(--bad);stroke-width:1.2;stroke-dasharray:5 4}
.chart text.limit,.chart text.bad{fill:var(--bad)}
.chart text.limit,.chart text.flag{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
.chart line.flag{stroke:var(--soft);stroke-opacity:.7}.chart line.bad{stroke:var(--bad)}
.chart text.stop{fill:var(--ink)}.chart line.stop{stroke:var(--ink);stroke-dasharray:3 2}
.chart .breach{fill:var(--bad);stroke:var(--card);stroke-width:1.5}
.narrow{display:none}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;padding:0 20px 8px 0;border-bottom:1px solid var(--faint)}
td{padding:9px 20px 9px 0;border-bottom:1px solid var(--faint);vertical-align:top;overflow-wrap:anywhere}
td.number,th.number{text-align:right;white-space:nowrap}
td.kind{white-space:nowrap;color:var(--tone);font-weight:600}
tr.neutral td.kind{color:var(--soft);font-weight:400}
td small{display:block;color:var(--soft);font-size:13px;white-space:pre-wrap}
td small.time{white-space:nowrap}
tr:last-child td{border-bottom:0}
td:last-child,th:last-child{padding-right:0}
ol.next{padding-left:22px;margin:0}ol.next li{margin:0 0 8px;padding-left:4px;overflow-wrap:anywhere}
.runs td.when,.runs small{white-space:nowrap}a{color:var(--line)}
details summary{cursor:pointer;color:var(--soft)}
pre{background:var(--wash);border-radius:8px;padding:16px;white-space:pre-wrap;overflow-wrap:anywhere}
footer{margin-top:56px;color:var(--soft);font-size:13px}
@media(max-width:640px){main{padding:24px 16px 48px}h1{font-size:24px}.card{padding:16px 12px 8px}.hypothesis{font-size:16px}
.wide{display:none}.narrow{display:block}dl.facts{grid-template-columns:1fr;gap:0}dl.facts dd{margin-bottom:10px}
h2{margin-top:40px}.tiles{grid-template-columns:1fr 1fr}td,th{padding-right:12px}
table.stack thead{display:none}table.stack td{display:block;border:0;padding:0 0 4px}table.stack tr{display:block;padding:12px 0;border-bottom:1px solid var(--faint)}
table.stack td:first-child{font-weight:600}}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--faint:#ccc;--line:#1d4f9c;--bad:#b3261e;--good:#1d7a4c;--wash:#f4f4f2;--attack:#c98a1b}
main{max-width:none;padding:0}body{font-size:12px;-webkit-print-color-adjust:exact;print-color-adjust:exact}tr,.card,.verdict{break-inside:avoid}h2{break-after:avoid}}
)css";

const char* const kReadingsScript = R"js(
"use strict";
(function(){
document.querySelectorAll("figure[data-points]").forEach(function(figure){
 if(figure.dataset.points==="")return;
 var points=figure.dataset.points.split("\n").map(function(point){
  var cut=point.indexOf(",");
  return [point.slice(0,cut),point.slice(cut+1)];
 });
 var length=Number(figure.dataset.length);
 var tip=document.createElement("output");
 tip.className="tip";
 tip.hidden=true;
 figure.appendChild(tip);
 figure.querySelectorAll("svg").forEach(function(svg){
  var left=Number(svg.dataset.left),right=Number(svg.dataset.right);
  var cursor=document.createElementNS(svg.namespaceURI,"line");
  cursor.setAttribute("class","cursor");
  cursor.setAttribute("y1",svg.dataset.top);
  cursor.setAttribute("y2",svg.dataset.bottom);
  cursor.style.display="none";
  svg.appendChild(cursor);
  function show(event){
   var box=svg.getBoundingClientRect(),scale=svg.viewBox.baseVal.width/box.width;
   var at=((event.clientX-box.left)*scale-left)/(right-left)*length;
   var best=points.reduce(function(a,b){return Math.abs(a[0]-at)>Math.abs(b[0]-at)?b:a;});
   var x=left+best[0]/length*(right-left);
   cursor.setAttribute("x1",x);
   cursor.setAttribute("x2",x);
   cursor.style.display="";
   tip.textContent=best[1]+" at "+best[0]+"\u00a0s";
   tip.hidden=false;
   var room=figure.clientWidth-tip.offsetWidth;
   tip.style.left=Math.max(0,Math.min(room,x/scale-tip.offsetWidth/2))+"px";
   tip.style.top=Math.max(0,(Number(svg.dataset.top)+4)/scale)+"px";
  }
  function hide(){tip.hidden=true;cursor.style.display="none";}
  svg.addEventListener("pointermove",show);
  svg.addEventListener("pointerdown",show);
  svg.addEventListener("pointerleave",hide);
 });
});
})();
)js";

const char* const kHtmlStyleHash = "sha256-m7H7D30nSYjql+MU8s2YbS1SQry9vWUsmgUMA0U1BfE=";
const char* const kReadingsScriptHash = "sha256-CP5sbp7CO995+B1EZzEYdH75B5XDmk+TpiGH/gl+VoA=";

}  // namespace ordeal::report
