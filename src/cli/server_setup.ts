/** `troop server setup`: what a machine without an agent needs. */
import type { Command } from "commander";
import { type Ip, parseIp } from "../core/address.ts";
import { forwardings, IPIP } from "../core/service/forwarding.ts";
import { serverSetup, setupText } from "../core/desired/server_setup.ts";
import { addExamples, type Session, usage } from "./session.ts";
import { type ForwardingOptions, readForwarding, readUsableVip } from "./words.ts";

interface SetupOptions extends ForwardingOptions {
  readonly server?: string;
}

/** Adds the verb. */
export function addServerSetup(group: Command, { context }: Session): void {
  const command = group.command("setup")
    .summary("print what a machine needs to be a real server")
    .description(
      "Print the commands by which a plain Linux machine becomes a real server of a\n" +
        "VIP, with their undo. Nothing is done and no agent is asked; members need none\n" +
        "of it.",
    )
    .argument("<vip>", "the VIP of the service; with nat the VIP that is the gateway")
    .option("--forward <method>", `how packets reach it: ${forwardings.join(", ")} (default: dr)`)
    .option("--tunnel <kind>", "ipip, gue:PORT or gre, with ,csum or ,remcsum behind it")
    .option(
      "--server <ip>",
      "the machine's own address, where its family is not the VIP's, and for gre,csum",
    );
  addExamples(command, [
    "troop server setup 192.0.2.100 --forward dr",
    "troop server setup 192.0.2.100 --tunnel gue:6080,csum",
    "troop server setup 2001:db8::100 --forward tunnel --server 192.0.2.21",
    "troop server setup 10.0.0.100 --forward nat",
    'ssh s1 "$(troop server setup 192.0.2.100 --forward dr)"',
  ]);
  command.action((text: string, options: SetupOptions) => {
    const vip = readUsableVip(`set up a server of ${text}`, text);
    const attempted = `set up a server of ${vip}`;
    const { forwarding = "dr", tunnel } = readForwarding(attempted, options);
    const plan = {
      vip,
      forwarding,
      tunnel: forwarding === "tunnel" ? tunnel ?? IPIP : null,
      server: options.server === undefined ? null : readAddress(attempted, options.server),
    };
    const steps = serverSetup(plan);
    if (typeof steps === "string") {
      throw usage(
        attempted,
        steps,
        plan.server === null ? "give it with --server" : "use ipip or gue",
      );
    }
    context.stdout.write(setupText(plan, steps));
  });
}

function readAddress(attempted: string, text: string): Ip {
  const address = parseIp(text);
  if (address !== undefined) return address;
  throw usage(
    attempted,
    `--server "${text}" is not an IPv4 or IPv6 address`,
    "write the machine's own address, without a port",
  );
}
