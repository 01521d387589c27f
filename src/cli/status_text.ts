/**
 * The status document as a person reads it: nodes, VIPs, services with their servers, and what is wrong.
 */
import { formatDuration } from "../core/duration.ts";
import type { Status, StatusNode, StatusService } from "../core/status/status.ts";
import { pathsHints } from "./paths_hints.ts";
import { servicesText } from "./services_text.ts";
import { type Cell, printable, tableText, type TextStyle, type Tone, toned } from "./table_text.ts";
import { vipsText } from "./vips_text.ts";

/** Writes the whole status. */
export function statusText(status: Status, style: TextStyle): string {
  const head = `cluster ${status.cluster}, as ${status.node} sees it at ${
    clockText(status.time)
  }\n`;
  const hints = [...status.warnings ?? [], ...rotationHint(status), ...statusHints(status)];
  return [
    printable(head.trimEnd()) + "\n",
    nodesText(status, style),
    status.vips.length > 0 ? vipsText(status.vips, style) : "",
    servicesText(status.services, style, Date.parse(status.time)),
    status.drains.length > 0 ? drainsText(status, style) : "",
    hints.map((hint) => `${toned("!", "bad", style)} ${printable(hint)}\n`).join(""),
  ].filter((part) => part !== "").join("\n");
}

function nodesText({ nodes }: Status, style: TextStyle): string {
  return tableText({
    heading: ["NODE", "ADDRESS", "STATE", "ROLES", "HEARD", "WHY"],
    rows: nodes.map((node) => [
      node.name,
      node.address,
      nodeState(node),
      rolesText(node),
      node.lastHeardMs === null ? "-" : formatDuration(node.lastHeardMs),
      node.unfit === null ? node.reason : `cannot hold a VIP: ${node.unfit}`,
    ]),
    rightAligned: [4],
  }, style);
}

function drainsText({ drains }: Status, style: TextStyle): string {
  return tableText({
    heading: ["IN MAINTENANCE", "SERVICE", "SINCE", "UNTIL", "OPEN", "COMMENT"],
    rows: drains.map((drain) => [
      drain.target,
      drain.service ?? "all",
      clockText(drain.since),
      drain.until === null ? "undrain" : clockText(drain.until),
      drain.activeConnections === null ? "?" : String(drain.activeConnections),
      drain.comment,
    ]),
    rightAligned: [4],
  }, style);
}

/** `2026-01-02 12:00:01 UTC` of an ISO 8601 time. */
function clockText(iso: string): string {
  return iso.replace("T", " ").replace(/\.\d+Z$/, " UTC");
}

function nodeState(node: StatusNode): Cell {
  if (node.leaving) return { text: "leaving", tone: "warning" };
  const tones: Record<StatusNode["state"], Tone> = {
    alive: "good",
    suspect: "warning",
    dead: "bad",
    left: "faint",
  };
  // In capitals, so that it is seen without colour.
  return { text: node.state === "dead" ? "DEAD" : node.state, tone: tones[node.state] };
}

function rolesText({ director, realServer }: StatusNode): string {
  if (director && realServer) return "director+server";
  return director ? "director" : realServer ? "server" : "none";
}

function rotationHint({ rotation }: Status): string[] {
  // An agent of an earlier version does not tell.
  if (rotation === null || rotation === undefined) return [];
  const words = {
    spread: "the new token spreads, every node still uses the old one",
    switch: "members begin to use the new token, both are accepted",
    retire: "every member uses the new token, the old one is about to be refused",
  }[rotation.stage];
  const waits = rotation.waitsFor.length === 0 ? "" : `; waits for ${rotation.waitsFor.join(", ")}`;
  return [`token rotation: ${words}${waits}`];
}

/** What a person should look at, worst first; empty when all is well. */
export function statusHints(status: Status): string[] {
  return [
    ...status.vips.filter((vip) => vip.holder === null)
      .map((vip) => `nobody holds VIP ${vip.address}: ${vip.reason || "no node is fit"}`),
    ...status.services.flatMap((service) => serviceHints(service)),
    ...status.nodes.filter((node) => node.state === "dead" || node.state === "suspect")
      .map((node) => `node ${node.name} is ${node.state}: ${node.reason}`),
    ...status.nodes.filter((node) => node.state === "alive" && node.director && node.unfit !== null)
      .map((node) =>
        `node ${node.name} cannot hold a VIP: ${node.unfit}; run \`troop doctor\` there`
      ),
    ...pathsHints(status),
  ];
}

function serviceHints({ name, servers, members, pool }: StatusService): string[] {
  const candidates = servers.filter(({ draining, fallback }) => !draining && !fallback);
  const [first] = candidates;
  if (first === undefined) {
    return [
      members
        ? `service ${name} has no servers: no node of the cluster is a real server`
        : `service ${name} has no servers; enter one with \`troop server add ${name} ADDRESS\``,
    ];
  }
  const about = pool.reason === "" ? "" : `service ${name}: ${pool.reason}`;
  if (candidates.some(({ up }) => up)) return about === "" ? [] : [about];
  const instead = pool.mode === "kept" || pool.mode === "fallback"
    ? `; ${pool.reason.split("; ").at(-1)}`
    : "";
  return [
    `service ${name} has no server up${instead}; ${first.node || first.address}: ${first.reason}`,
  ];
}
