/** `troop vip`: where VIPs belong, who should hold them, and moving them. */
import type { Command } from "commander";
import { parseIp } from "../core/address.ts";
import { FAILBACK_S_DEFAULT } from "../core/document/vip.ts";
import { addExamples, type Session, usage, writeJson, writeLine } from "./session.ts";
import { styleFor } from "./table_text.ts";
import { readVipOrder, type VipOptions } from "./vip_words.ts";
import { vipsText } from "./vips_text.ts";

/** Adds the verbs. */
export function addVip(program: Command, session: Session): void {
  const group = program.command("vip")
    .summary("move VIPs, and say who should hold them")
    .description(
      "Virtual IP addresses: who should hold them, which go together, and moving them.\n" +
        "The VIP of a service needs no entry; one without a service does.",
    );
  addExamples(group, [
    "troop vip move 192.0.2.100 n2",
    "troop vip add 192.0.2.100 --prefer n1,n2 --failback",
    "troop vip list",
  ]);
  addAdd(group, session);
  addSet(group, session);
  addMove(group, session);
  addRemove(group, session);
  addList(group, session);
}

function addOptions(command: Command): Command {
  return command
    .argument("<vip>", "the address")
    .option("--interface <if>", "interface by name (default: the one whose network has it)")
    .option("--label <label>", "label of the address, IPv4: eth0:1, or what is behind the colon")
    .option("--group <name>", "VIPs of one group are always held by one node")
    .option("--prefer <nodes>", "nodes that should hold it, best first: n1,n2")
    .option(
      "--failback [time]",
      `go back to a preferred node that has returned for so long (alone: ${FAILBACK_S_DEFAULT}s; without it a VIP stays where it is)`,
    );
}

function addAdd(group: Command, session: Session): void {
  const command = group.command("add")
    .summary("enter a VIP, or say more of the one of a service")
    .description(
      "Enter a VIP that needs no service, such as the gateway of NAT servers; or say\n" +
        "more of the VIP of a service.",
    );
  addOptions(command);
  addExamples(command, [
    "troop vip add 192.0.2.100 --prefer n1,n2 --failback 5m",
    "troop vip add 192.0.2.101 --interface eth0 --label eth0:1",
    "troop vip add 192.0.2.100 --group web",
    "troop vip add 10.0.0.100 --group web     # moves with 192.0.2.100",
  ]);
  command.action(async (text: string, options: VipOptions) => {
    const { context } = session;
    const { vip, change } = readVipOrder("add", text, options);
    writeLine(context.stdout, await context.connect(session.home()).addVip(vip, change));
  });
}

function addSet(group: Command, session: Session): void {
  const command = group.command("set")
    .summary("change what is said of a VIP")
    .description("Change what is said of a VIP. What is not named stays as it is.");
  addOptions(command)
    .option("--no-interface", "the interface whose network has it")
    .option("--no-label", "no label")
    .option("--no-group", "held for itself")
    .option("--no-prefer", "no node is preferred")
    .option("--no-failback", "it stays where it is");
  addExamples(command, [
    "troop vip set 192.0.2.100 --prefer n2,n1",
    "troop vip set 192.0.2.100 --no-failback --no-group",
  ]);
  command.action(async (text: string, options: VipOptions) => {
    const { context } = session;
    const { vip, change } = readVipOrder("set", text, options);
    writeLine(context.stdout, await context.connect(session.home()).setVip(vip, change));
  });
}

function addMove(group: Command, session: Session): void {
  const command = group.command("move")
    .summary("hand a VIP to another node, without a lost request")
    .description(
      "Hand a VIP to another node, without a lost request. All VIPs of its group go\n" +
        "with it.",
    )
    .argument("<vip>", "the address")
    .argument("<node>", "name of the node that shall hold it");
  addExamples(command, ["troop vip move 192.0.2.100 n2", "troop vip move 2001:db8::100 n2"]);
  command.action(async (text: string, node: string) => {
    const attempted = `move VIP ${text} to ${node}`;
    const vip = parseIp(text);
    if (vip === undefined) throw notAnAddress(attempted, text);
    const { context } = session;
    writeLine(context.stdout, await context.connect(session.home()).moveVip(vip, node));
  });
}

function addRemove(group: Command, session: Session): void {
  const command = group.command("remove")
    .summary("forget what is said of a VIP")
    .description(
      "Forget what is said of a VIP. One that services have stays, as if nothing was\n" +
        "said; any other is given up.",
    )
    .argument("<vip>", "the address");
  addExamples(command, ["troop vip remove 10.0.0.100"]);
  command.action(async (text: string) => {
    const vip = parseIp(text);
    if (vip === undefined) throw notAnAddress(`remove VIP ${text}`, text);
    const { context } = session;
    writeLine(context.stdout, await context.connect(session.home()).removeVip(vip));
  });
}

function addList(group: Command, session: Session): void {
  const command = group.command("list")
    .description("list VIPs and who holds them")
    .option("--json", "for programs: the VIPs of `troop status --json`");
  addExamples(command, ["troop vip list", "troop vip list --json"]);
  command.action(async ({ json = false }: { json?: boolean }) => {
    const { context } = session;
    const { stdout, env } = context;
    const { vips } = await context.connect(session.home()).status();
    if (json) writeJson(stdout, vips);
    else stdout.write(vipsText(vips, styleFor(stdout, env)));
  });
}

function notAnAddress(attempted: string, text: string): Error {
  return usage(
    attempted,
    `"${text}" is not an IPv4 or IPv6 address`,
    "write the VIP without a port, as `troop status` shows it",
  );
}
