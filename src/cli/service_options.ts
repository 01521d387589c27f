/**
 * The options `troop service add` and `troop service set` share, and those that undo one.
 */
import type { Command } from "commander";
import { CHECK_INTERVAL_MS_MAX, CHECK_INTERVAL_MS_MIN } from "../core/check.ts";
import { formatDuration } from "../core/duration.ts";
import { quorumMeasures } from "../core/service/fallback.ts";
import { forwardings } from "../core/service/forwarding.ts";
import { flagNamesOf, PERSISTENCE_S_DEFAULT } from "../core/service/scheduling.ts";
import { schedulers } from "../core/service/service.ts";
import { addTransitionOptions } from "./transition_words.ts";

/** Whether an option's standard is worth a word: only where one applies. */
export type OptionVerb = "add" | "set";

/** Adds them to a verb. */
export function addServiceOptions(command: Command, verb: OptionVerb): Command {
  const standard = (text: string) => verb === "add" ? ` (default: ${text})` : "";
  const range = `${formatDuration(CHECK_INTERVAL_MS_MIN)} to ${
    formatDuration(CHECK_INTERVAL_MS_MAX)
  }`;
  command
    .option(
      "--scheduler <name>",
      `how connections are spread: ${schedulers.join(", ")}${standard("wlc")}`,
    )
    .option(
      "--flags <list>",
      `flags of the scheduler: ${[...flagNamesOf("sh"), ...flagNamesOf("mh")].join(", ")}`,
    )
    .option(
      "--check <url>",
      "KIND://[HOST][:PORT][/PATH] or none; kinds: `troop check kinds`" +
        (verb === "add" ? " (default: tcp:// for TCP, none for others)" : ""),
    )
    .option(
      "--check-set <option=value>",
      "one option of the check, repeatable: status=200-299,301; without a value: its standard",
      (setting: string, before: readonly string[] = []) => [...before, setting],
    )
    .option("--expect <regex>", "text the page must contain (--check-set expect=...; RE2 syntax)")
    .option("--interval <time>", `time between two checks, ${range}${standard("1s")}`)
    .option(
      "--timeout <time>",
      `time after which a check has failed${standard("the interval")}`,
    )
    .option(
      "--forward <method>",
      `how packets reach a server: ${forwardings.join(", ")}${standard("dr")}`,
    )
    .option("--tunnel <kind>", "ipip, gue:PORT or gre, with ,csum or ,remcsum behind it")
    .option("--server-port <n>", "port on the members, where it is another one (nat)")
    .option(
      "--persistent [seconds]",
      `keep a client with its server for so long (alone: ${PERSISTENCE_S_DEFAULT})`,
    )
    .option("--netmask <mask>", "clients of one network are one: 24, 255.255.255.0, 64")
    .option("--weight <n>", `weight of a server that names none${standard("1")}`)
    .option("--upper <n>", "connections above which a server gets no new ones; 0: none")
    .option("--lower <n>", "connections below which it gets new ones again")
    .option(
      "--fallback <server>",
      "who serves while nobody is left: ADDRESS[:PORT][,nat|,dr|,TUNNEL], sorry (troop's own page), none" +
        standard("`troop settings`"),
    )
    .option("--quorum <n>", `servers that must be up, or the fallback takes over${standard("1")}`)
    .option("--hysteresis <n>", `how many more must be up for the pool to return${standard("0")}`)
    .option("--quorum-by <what>", `${quorumMeasures.join(" or ")} of servers${standard("count")}`)
    .option(
      "--when-all-fail <what>",
      "keep (the last pool goes on), fallback, or nothing (refuse)" + standard("fallback"),
    )
    .option("--ops", "one-packet scheduling: every datagram for itself (UDP)")
    .option("--pe <name>", "persistence engine: sip (by Call-ID), none")
    .option("--vip <list>", "VIPs of a mark service; the holder of the first balances")
    .option(
      "--ports <list>",
      "ports troop marks for a mark service: tcp/80,443,udp/5000-5100; none: somebody else makes the rules",
    );
  addTransitionOptions(command, verb);
  return verb === "set" ? addUndoing(command) : command.option(
    "--no-members",
    "only servers entered with `troop server add`",
  );
}

function addUndoing(command: Command): Command {
  return command
    .option("--members", "members of the cluster are candidates again")
    .option("--no-members", "only servers entered with `troop server add`")
    .option("--no-persistent", "every connection is spread anew")
    .option("--no-flags", "no scheduler flags")
    .option("--no-fallback", "what the cluster's settings say")
    .option("--no-ops", "connections, not single datagrams")
    .option("--no-expect", "any page with a status of 2xx is enough")
    .option("--no-server-port", "members have the service's own port");
}
