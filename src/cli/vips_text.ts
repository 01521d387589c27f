/**
 * VIPs as a person reads them. What operators said of them has columns only where something was said.
 */
import type { StatusVip } from "../core/status/status.ts";
import { type Cell, tableText, type TextStyle } from "./table_text.ts";

/** A column that is left out where it would be empty. */
interface Column {
  readonly heading: string;
  readonly cell: (vip: StatusVip) => Cell;
}

/** Writes VIPs; a line that says how to get one when there is none. */
export function vipsText(vips: readonly StatusVip[], style: TextStyle): string {
  if (vips.length === 0) {
    return "no VIPs yet; a service brings its own: `troop service add VIP:PORT`\n";
  }
  const columns: Column[] = [
    { heading: "VIP", cell: ({ address }) => address },
    { heading: "HOLDER", cell: holderCell },
    { heading: "INTERFACE", cell: interfaceText },
    ...optional(vips, { heading: "GROUP", cell: ({ group }) => group ?? "" }),
    ...optional(vips, { heading: "PREFER", cell: preferText }),
    { heading: "EPOCH", cell: ({ epoch }) => String(epoch) },
    { heading: "WHY", cell: ({ reason }) => reason },
  ];
  return tableText({
    heading: columns.map(({ heading }) => heading),
    rows: vips.map((vip) => columns.map(({ cell }) => cell(vip))),
    rightAligned: [columns.length - 2],
  }, style);
}

function optional(vips: readonly StatusVip[], column: Column): Column[] {
  if (vips.every((vip) => column.cell(vip) === "")) return [];
  return [{ ...column, cell: (vip) => column.cell(vip) || "-" }];
}

function holderCell({ holder }: StatusVip): Cell {
  return holder === null ? { text: "NOBODY", tone: "bad" } : { text: holder, tone: "good" };
}

/** With the label where there is one, as `ip address` shows it. */
function interfaceText({ interface: name, label }: StatusVip): string {
  return label === null ? name : `${name}:${label}`;
}

function preferText({ prefer, failbackS }: StatusVip): string {
  if (prefer.length === 0) return "";
  return `${prefer.join(",")}${failbackS === null ? "" : ` back after ${failbackS} s`}`;
}
