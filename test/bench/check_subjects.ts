/**
 * Who checks real servers in the bench: keepalived, ldirectord and troop on one director, each told to ask every
 * second, to give up after one, and to believe the first failure and the first success.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../lab/host.ts";
import type { Lab } from "../lab/lab.ts";
import { awaitAllAlive, requireProgram, TroopNode } from "../lab/troop.ts";
import { startKeepalived } from "./keepalived.ts";
import { VIP } from "./subject.ts";

/** Kinds that all three have; `member`: a page again, of a server on which an agent of troop runs. */
export type CheckedKind = "http" | "tcp" | "external" | "member";

/** One director and the real servers it checks, which serve a page on port 80. */
export interface CheckBed {
  readonly lab: Lab;
  readonly director: Host;
  readonly servers: readonly [Host, Host];
}

/** Who checks. */
export interface CheckSubject {
  readonly name: string;
  readonly kinds: readonly CheckedKind[];
  /** Starts it on the director. */
  start(bed: CheckBed, kind: CheckedKind): Promise<unknown>;
}

const shared: readonly CheckedKind[] = ["http", "tcp", "external"];

/** All of them, in the order of their columns. */
export const checkSubjects: readonly CheckSubject[] = [
  { name: "keepalived", kinds: shared, start: keepalived },
  { name: "ldirectord", kinds: shared, start: ldirectord },
  { name: "troop", kinds: [...shared, "member"], start: troop },
];

/**
 * The program of the kind `external`, with ldirectord's four arguments: asks for the page. It has no time limit of its
 * own, that is the checker's. bash alone, because another program costs the guest a tenth of a second.
 */
function writeProgram({ lab }: CheckBed): string {
  const file = join(lab.scratch, "check_page");
  const script = `#!/bin/bash
exec 3<>"/dev/tcp/$3/$4" || exit 1
printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' >&3
read -r status <&3 && [[ $status == *' 200 '* ]]
`;
  writeFileSync(file, script, { mode: 0o755 });
  return file;
}

/**
 * keepalived.conf(5). `retry 0`: the first failure counts; after it the next check would come 3 s later (HTTP_GET), and a
 * page that is right again would be asked for twice, but for the two options about that.
 */
function keepalived(bed: CheckBed, kind: CheckedKind): Promise<void> {
  const once = ["retry 0", "delay_before_retry 1"];
  const page = ["path /index.html", "status_code 200", 'regex "Test Page"'];
  const program = writeProgram(bed);
  const servers = bed.servers.flatMap(({ address }) => {
    const checker = {
      http: ["HTTP_GET {", "fast_recovery", "url {", ...page, "}", "connect_timeout 1"],
      tcp: ["TCP_CHECK {", "connect_timeout 1"],
      external: [
        "MISC_CHECK {",
        `misc_path "${program} ${VIP} 80 ${address} 80"`,
        "misc_timeout 1",
      ],
      member: [],
    }[kind];
    return [`real_server ${address} 80 {`, "weight 1", ...checker, ...once, "}", "}"];
  });
  const lines = [
    ...["global_defs {", "script_user root", "}"],
    ...[`virtual_server ${VIP} 80 {`, "delay_loop 1", "lb_algo rr", "lb_kind DR", "protocol TCP"],
    ...[...servers, "}"],
  ];
  const file = join(bed.lab.scratch, "keepalived.conf");
  writeFileSync(file, `${lines.join("\n")}\n`);
  startKeepalived(bed.lab, bed.director, { file, part: "check" });
  return Promise.resolve();
}

function ldirectord(bed: CheckBed, kind: CheckedKind): Promise<void> {
  const check = {
    http: ["service = http", 'request = "index.html"', 'receive = "Test Page"'],
    tcp: ["checktype = connect"],
    external: ["checktype = external", `checkcommand = "${writeProgram(bed)}"`],
    member: [],
  }[kind];
  const head = [
    "checktimeout = 1",
    "negotiatetimeout = 1",
    "checkinterval = 1",
    "failurecount = 1",
  ];
  const lines = [
    ...bed.servers.map(({ address }) => `real = ${address}:80 gate`),
    ...["scheduler = rr", "protocol = tcp", ...check],
  ];
  const file = join(bed.lab.scratch, "ldirectord.cf");
  const text = [
    ...head,
    "quiescent = no",
    `virtual = ${VIP}:80`,
    ...lines.map((at) => `    ${at}`),
  ];
  writeFileSync(file, `${text.join("\n")}\n`, { mode: 0o600 });
  bed.director.start(["ldirectord", "-d", file, "start"], { label: "ldirectord" });
  return Promise.resolve();
}

/** Damping is off: a server that fails round after round would be held down for that, and neither peer does so. */
async function troop(bed: CheckBed, kind: CheckedKind): Promise<void> {
  requireProgram();
  const node = new TroopNode(bed.lab, bed.director);
  await node.init();
  node.configure({ realServer: false });
  await node.run();
  const page = ["--check", "http://:80/index.html", "--expect", "Test Page"];
  const check = {
    http: page,
    tcp: ["--check", "tcp://:80"],
    external: ["--check", `external:${writeProgram(bed)}`],
    member: page,
  }[kind];
  const [first, second] = bed.servers;
  if (kind === "member") await joinAsMember(bed, node, first);
  const options = ["interval=1s", "timeout=1s", "fall=1", "rise=1"];
  const settings = options.flatMap((option) => ["--check-set", option]);
  const pool = kind === "member" ? [] : ["--no-members"];
  await node.troop("settings", "set", "flap-damping", "off");
  await node.troop(
    "service",
    "add",
    `${VIP}:80`,
    "--scheduler",
    "rr",
    ...pool,
    ...check,
    ...settings,
  );
  for (const { address } of kind === "member" ? [second] : [first, second]) {
    await node.troop("server", "add", `${VIP}:80`, address);
  }
}

async function joinAsMember(bed: CheckBed, director: TroopNode, host: Host): Promise<void> {
  const member = new TroopNode(bed.lab, host);
  await member.join(director);
  member.configure({ director: false });
  await member.run();
  await awaitAllAlive([director, member]);
}
