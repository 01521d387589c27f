/**
 * The words of `troop vip` made into what is said of a VIP, refused before any agent is contacted where they cannot be.
 */
import { type Ip, ipFamily } from "../core/address.ts";
import { type VipChange, vipChangeSchema } from "../core/document/order.ts";
import { FAILBACK_S_DEFAULT, FAILBACK_S_MAX } from "../core/document/vip.ts";
import { usage } from "./session.ts";
import { readNodeNames, readSeconds, readUsableVip, refuseNoChange } from "./words.ts";

/** Options of `troop vip add` and `set`, as typed; false: undone by its `--no-` form. */
export interface VipOptions {
  readonly interface?: string | false;
  readonly label?: string | false;
  readonly group?: string | false;
  readonly prefer?: string | false;
  readonly failback?: string | boolean;
}

/** Reads a VIP and what is said of it. Throws a usage Refusal. */
export function readVipOrder(
  verb: "add" | "set",
  text: string,
  options: VipOptions,
): { readonly vip: Ip; readonly change: VipChange } {
  const begin = verb === "add" ? "add VIP" : "change VIP";
  const vip = readUsableVip(`${begin} ${text}`, text);
  const attempted = `${begin} ${vip}`;
  const { interface: interfaceName, group, prefer } = options;
  const change = vipChangeSchema.safeParse({
    ...(interfaceName === undefined ? {} : { interface: interfaceName || null }),
    ...readLabel(attempted, vip, options),
    ...(group === undefined ? {} : { group: group || null }),
    ...(prefer === undefined
      ? {}
      : { prefer: prefer === false ? [] : readNodeNames(attempted, "--prefer", prefer) }),
    ...readFailback(attempted, options),
  });
  if (!change.success) {
    const [issue] = change.error.issues;
    const field = String(issue?.path[0] ?? "");
    throw usage(
      attempted,
      `--${field === "failbackS" ? "failback" : field}: ${issue?.message ?? "not valid"}`,
      `see \`troop vip ${verb} --help\``,
    );
  }
  if (verb === "set") refuseNoChange(attempted, change.data, "vip set");
  else refuseAimlessFailback(attempted, change.data);
  return { vip, change: change.data };
}

/** `eth0:1` or `1`: what is kept is the part behind the colon, because the interface may have another name elsewhere. */
function readLabel(
  attempted: string,
  vip: Ip,
  { label: text, interface: interfaceName }: VipOptions,
): Pick<VipChange, "label"> {
  if (text === undefined) return {};
  if (text === false) return { label: null };
  if (ipFamily(vip) === 6) {
    throw usage(attempted, "only IPv4 addresses have labels", "leave --label out");
  }
  const colon = text.lastIndexOf(":");
  const named = colon < 0 ? undefined : text.slice(0, colon);
  if (named !== undefined && interfaceName !== undefined && named !== interfaceName) {
    throw usage(
      attempted,
      `--label "${text}" is a label of ${named}, not of ${interfaceName || "any interface"}`,
      "name the same interface twice, or only what stands behind the colon",
    );
  }
  return { label: text.slice(colon + 1) };
}

function readFailback(
  attempted: string,
  { failback }: VipOptions,
): Pick<VipChange, "failbackS"> {
  if (failback === undefined) return {};
  if (failback === false) return { failbackS: null };
  if (failback === true) return { failbackS: FAILBACK_S_DEFAULT };
  const bounds = { option: "--failback", text: failback, min: 0, max: FAILBACK_S_MAX };
  return { failbackS: readSeconds(attempted, bounds) };
}

function refuseAimlessFailback(attempted: string, { failbackS, prefer = [] }: VipChange): void {
  if (typeof failbackS !== "number" || prefer.length > 0) return;
  throw usage(
    attempted,
    "--failback needs nodes to go back to",
    "name them with --prefer, best first",
  );
}
