/** `troop vip move`: hands a VIP to another node. */
import type { Command } from "commander";
import { parseIp } from "../core/address.ts";
import { addExamples, type Session, usage, writeLine } from "./session.ts";

/** Adds the verbs. */
export function addVip(program: Command, session: Session): void {
  const group = program.command("vip").description("hand VIPs from node to node");
  const move = group.command("move")
    .description("hand a VIP to another node, without a lost request")
    .argument("<vip>", "the address")
    .argument("<node>", "name of the node that shall hold it");
  addExamples(group, ["troop vip move 192.0.2.100 n2"]);
  addExamples(move, ["troop vip move 192.0.2.100 n2", "troop vip move 2001:db8::100 n2"]);
  move.action(async (text: string, node: string) => {
    const vip = parseIp(text);
    if (vip === undefined) {
      throw usage(
        `move VIP ${text} to ${node}`,
        `"${text}" is not an IPv4 or IPv6 address`,
        "write the VIP without a port, as `troop status` shows it",
      );
    }
    const { context } = session;
    writeLine(context.stdout, await context.connect(session.home()).moveVip(vip, node));
  });
}
