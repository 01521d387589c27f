/**
 * Rules that give packets the firewall mark a virtual service is known by (ipvsadm(8), `--fwmark-service`),
 * as text for the programs that put them into the kernel: nft(8), or iptables-restore(8) where the kernel
 * has only that. Each text is one transaction: the kernel has all of it or nothing.
 *
 * Packets are marked in the hook `prerouting` and there only, whatever interface they come in by. What a
 * node sends to a VIP of its own takes the loopback interface, passes that hook too, and is balanced.
 * keepalived does the same: its one chain is at the hook `input` (check_nftables.c), and it has none at
 * `output`. Here it is `prerouting`, as the LVS HOWTO has it, so that an operator's `ip rule` may look at
 * the mark and make a VIP local that no interface has.
 *
 * A packet that matches no rule keeps the mark it has. When several rules match, the last one counts.
 */
import { MARK_MAX, type Protocol, protocols } from "./service_name.ts";
import { formatEndpoint, type Ip, ipFamily, parseIp, PORT_MAX } from "../address.ts";
import { Refusal } from "../refusal.ts";

/** One rule: packets to this address, protocol and port range get this mark. */
export interface MarkRule {
  readonly family: 4 | 6;
  readonly address: Ip;
  readonly protocol: Protocol;
  /** 0 to 65535, both ends included. */
  readonly firstPort: number;
  readonly lastPort: number;
  /** 1 to {@link MARK_MAX}. */
  readonly mark: number;
}

/** The table of nf_tables that is troop's own. Its family `inet` covers IPv4 and IPv6. */
export const NFT_TABLE = "troop";
/** The chain of iptables' table `mangle` that is troop's own. */
export const LEGACY_CHAIN = "TROOP";

/** Says in `nft list ruleset` and `iptables-legacy-save` whose a rule is. A jump is known by it. */
const OWNER = "troop: ";
/** nft keeps 128 bytes of a comment with its end (libnftnl, NFTNL_UDATA_COMMENT_MAXLEN), xt_comment 256. */
const TABLE_COMMENT =
  `${OWNER}marks packets for IPVS; written anew whenever services change, do not edit`;
const PROBE_TABLE = "troop_probe";
const PROBE_CHAIN = "TROOP-PROBE";
/** What a probe's rule is about: an address for documentation (RFC 5737, RFC 3849), which no packet has. */
const probeAddresses = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;

/**
 * The transaction for `nft -f -` that makes troop's table have exactly these rules; an empty list removes
 * it. The table need not exist. Throws a {@link Refusal} for a rule that cannot be.
 */
export function nftText(rules: readonly MarkRule[]): string {
  // To delete what may not be there is an error, to add what may be there is none.
  const removal = `table inet ${NFT_TABLE}\ndelete table inet ${NFT_TABLE}\n`;
  if (rules.length === 0) return removal;
  return removal + nftTable(NFT_TABLE, rules);
}

/** The transaction for `nft -f -` that tries everything {@link nftText} needs and leaves nothing behind. */
export function nftProbeText(): string {
  const rules = ([4, 6] as const).map(probeRule);
  return `${nftTable(PROBE_TABLE, rules)}delete table inet ${PROBE_TABLE}\n`;
}

function nftTable(name: string, rules: readonly MarkRule[]): string {
  return [
    `table inet ${name} {`,
    `  comment "${TABLE_COMMENT}"`,
    "  chain prerouting {",
    "    type filter hook prerouting priority mangle; policy accept;",
    ...rules.map((rule) => `    ${nftRule(rule)}`),
    "  }",
    "}",
    "",
  ].join("\n");
}

function nftRule(rule: MarkRule): string {
  const { family, address, protocol, mark } = checked(rule);
  const match = `${family === 4 ? "ip" : "ip6"} daddr ${address} ${protocol} dport`;
  const action = `counter meta mark set ${mark}`;
  return `${match} ${portRange(rule, "-")} ${action} comment "${commentOf(rule)}"`;
}

/** Of what `nft list table` prints: how many rules are troop's. */
export function countNftRules(listing: string): number {
  return listing.split("\n").filter((line) =>
    line.includes(" meta mark set ") && line.includes(`comment "${OWNER}`)
  ).length;
}

/** What one family's table `mangle` has to do with troop, as `iptables-legacy-save -t mangle` prints it. */
export interface LegacyState {
  readonly chainExists: boolean;
  /** Lines that put a rule into the chain. */
  readonly rules: readonly string[];
  /** Lines that jump to the chain from PREROUTING and have troop's comment. */
  readonly jumps: readonly string[];
  /** Whether somebody else's rules refer to the chain, which keeps it from being deleted. */
  readonly usedByOthers: boolean;
}

/** A family's table `mangle` that has nothing of troop. */
export const legacyNothing: LegacyState = {
  chainExists: false,
  rules: [],
  jumps: [],
  usedByOthers: false,
};

/** Reads what `iptables-legacy-save -t mangle` or its sister for IPv6 prints. */
export function parseLegacySave(text: string): LegacyState {
  const lines = text.split("\n");
  const references = lines.filter((line) => /^-A .* -[jg] (\S+)/.exec(line)?.[1] === LEGACY_CHAIN);
  const jumps = references.filter((line) =>
    line.startsWith(`-A PREROUTING -m comment --comment "${OWNER}`)
  );
  return {
    chainExists: lines.some((line) => line.startsWith(`:${LEGACY_CHAIN} `)),
    rules: lines.filter((line) => line.startsWith(`-A ${LEGACY_CHAIN} `)),
    jumps,
    usedByOthers: references.length > jumps.length,
  };
}

/**
 * The transaction for `iptables-legacy-restore --noflush`, or its sister for IPv6, that makes troop's chain
 * have exactly these rules of its family, with one jump from PREROUTING; an empty list removes both. `now`
 * is what the table has. Null when nothing is to be done. Throws a {@link Refusal} for a rule that cannot be.
 *
 * A chain that somebody else's rules refer to is emptied, not removed: those rules are not troop's.
 */
export function legacyText(rules: readonly MarkRule[], now: LegacyState): string | null {
  const wanted = rules.length > 0;
  const emptied = now.usedByOthers ? now.rules.length === 0 : !now.chainExists;
  if (!wanted && emptied && now.jumps.length === 0) return null;
  // One jump stays where it is: an operator's rules may have been put before or behind it.
  const superfluous = wanted ? now.jumps.slice(1) : now.jumps;
  return legacyTransaction([
    // Makes the chain, or empties it: other chains of the table stay as they are (--noflush).
    `:${LEGACY_CHAIN} - [0:0]`,
    ...superfluous.map((line) => line.replace(/^-A/, "-D")),
    ...rules.map((rule) => legacyRule(LEGACY_CHAIN, rule)),
    ...(wanted && now.jumps.length === 0
      ? [`-A PREROUTING -m comment --comment "${TABLE_COMMENT}" -j ${LEGACY_CHAIN}`]
      : []),
    ...(wanted || now.usedByOthers ? [] : [`-X ${LEGACY_CHAIN}`]),
  ]);
}

/**
 * Two transactions that try what {@link legacyText} needs. The first puts a rule into a chain that nothing
 * jumps to, the second takes it away. One would try nothing: iptables-legacy-restore works on a copy
 * and shows the kernel its end only.
 */
export function legacyProbeTexts(family: 4 | 6): { readonly add: string; readonly remove: string } {
  const chain = `:${PROBE_CHAIN} - [0:0]`;
  return {
    add: legacyTransaction([chain, legacyRule(PROBE_CHAIN, probeRule(family))]),
    remove: legacyTransaction([chain, `-X ${PROBE_CHAIN}`]),
  };
}

function legacyTransaction(lines: readonly string[]): string {
  return ["*mangle", ...lines, "COMMIT", ""].join("\n");
}

function legacyRule(chain: string, rule: MarkRule): string {
  const { address, protocol, mark } = checked(rule);
  const match = `-d ${address} -p ${protocol} -m ${protocol} --dport ${portRange(rule, ":")}`;
  const comment = `-m comment --comment "${commentOf(rule)}"`;
  return `-A ${chain} ${match} ${comment} -j MARK --set-mark ${mark}`;
}

function probeRule(family: 4 | 6): MarkRule {
  const address = probeAddresses[family];
  return { family, address, protocol: "tcp", firstPort: 1, lastPort: 2, mark: 1 };
}

function portRange({ firstPort, lastPort }: MarkRule, dash: string): string {
  return firstPort === lastPort ? `${firstPort}` : `${firstPort}${dash}${lastPort}`;
}

/** Says whose the rule is and what it is for, as `ipvsadm -L` shows the mark. */
function commentOf(rule: MarkRule): string {
  return `${OWNER}${nameOf(rule)} is FWM ${rule.mark}`;
}

function nameOf({ address, protocol, firstPort, lastPort }: MarkRule): string {
  const range = firstPort === lastPort ? "" : `-${lastPort}`;
  return `${protocol} ${formatEndpoint({ address, port: firstPort })}${range}`;
}

/**
 * The rule itself, or a refusal. Rules are checked where they enter a cluster; here once more, because the
 * text is read by a program that may change the firewall: nothing but an address and numbers gets into it.
 */
function checked(rule: MarkRule): MarkRule {
  const { family, address, protocol, firstPort, lastPort, mark } = rule;
  const refuse = (problem: string, remedy: string) =>
    new Refusal({ attempted: `mark packets to ${JSON.stringify(address)}`, problem, remedy });
  if (parseIp(address) !== address || ipFamily(address) !== family) {
    throw refuse(`that is no canonical IPv${family} address`, "write an IP address");
  }
  if (!protocols.includes(protocol)) {
    throw refuse(`"${protocol}" has no ports`, `write ${protocols.join(", ")}`);
  }
  const isPort = (port: number) => Number.isInteger(port) && port >= 0 && port <= PORT_MAX;
  if (!isPort(firstPort) || !isPort(lastPort) || firstPort > lastPort) {
    const remedy = `write two ports from 0 to ${PORT_MAX}, the lower one first`;
    throw refuse(`"${firstPort}-${lastPort}" is no range of ports`, remedy);
  }
  if (!Number.isInteger(mark) || mark < 1 || mark > MARK_MAX) {
    throw refuse(`"${mark}" is no mark`, `write a number from 1 to ${MARK_MAX}`);
  }
  return rule;
}
