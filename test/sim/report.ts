/**
 * A run that failed, for people: what, when, how to see it again, and what happened.
 */
import { faultKindOf } from "./faults/mod.ts";
import type { Plan } from "./plan.ts";
import { type Failure, play } from "./play.ts";
import { traceText } from "./trace.ts";

/** The seed, the invariant and the command that plays it again. */
export function failureText(plan: Plan, failure: Failure): string {
  return [
    `seed ${plan.seed} broke: ${failure.invariant}`,
    `  ${failure.what}`,
    `  at ${(failure.atMs / 1_000).toFixed(3)} s, event ${failure.event}`,
    `  again: ./task sim --seed ${plan.seed} --trace        smaller: ./task sim --seed ${plan.seed} --shrink`,
  ].join("\n");
}

/** The cluster and the faults, one line each. */
export function planText({ shape, faults }: Plan): string {
  const nodes = shape.nodes.map((node, index) => {
    const words = Object.entries(node).filter(([name, value]) => name !== "networks" || value !== 1)
      .map(([name, value]) => `${name} ${value}`);
    return `n${index + 1}${words.length > 0 ? ` (${words.join(", ")})` : ""}`;
  });
  const services = shape.services.map((item) =>
    item.protocol === "fwm"
      ? `mark ${item.mark}`
      : `${item.address}:${item.port} ${item.forwarding}`
  );
  const vips = shape.vips.map(({ address, group, prefer, failbackS }) =>
    `${address} group ${group ?? "none"}, prefer ${
      prefer.join(" ") || "nobody"
    }, failback ${failbackS}`
  );
  return [
    `nodes     ${nodes.join(", ")}`,
    `services  ${services.join(", ")}; a change of a table takes ${shape.tableMs} ms`,
    `settings  ${
      Object.entries(shape.settings).map(([name, value]) => `${name} ${value}`).join(", ")
    }`,
    ...vips.map((text) => `VIP       ${text}`),
    ...faults.map(({ kind, atMs, lastsMs, data }) =>
      `${`${atMs}`.padStart(7)} ms  ${faultKindOf(kind).words(data)}${
        lastsMs > 0 ? `, for ${lastsMs} ms` : ""
      }`
    ),
  ].join("\n");
}

/** Everything that happened in the run of a plan, calls to the kernels included. */
export function playText(plan: Plan): string {
  const { trace, failure } = play(plan, { verbose: true });
  const end = failure === null ? "every invariant held" : failureText(plan, failure);
  return [planText(plan), "", traceText(trace), "", end].join("\n");
}
