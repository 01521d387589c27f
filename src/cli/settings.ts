/** `troop settings`: what holds for the whole cluster. */
import type { Command } from "commander";
import {
  isSettingName,
  type SettingName,
  settingNames,
  settingSpecs,
} from "../core/document/settings.ts";
import { addExamples, type Session, usage, writeJson, writeLine } from "./session.ts";
import { type Cell, styleFor, tableText, type TextStyle } from "./table_text.ts";

/** One setting as `--json` gives it. */
interface ShownSetting {
  readonly name: SettingName;
  readonly value: string;
  readonly standard: string;
  readonly takes: string;
  readonly about: string;
}

/** Adds the verbs. */
export function addSettings(program: Command, session: Session): void {
  const group = program.command("settings")
    .summary("timeouts, connection synchronization and switches of all nodes")
    .description(
      "Settings of the whole cluster: the kernel's timeouts, the sync daemon, and what\n" +
        "survives a takeover. Without a verb: list.",
    );
  addExamples(group, [
    "troop settings",
    "troop settings set tcp-timeout 900",
    "troop settings reset tcp-timeout",
  ]);
  addList(group, session);
  addSet(group, session);
  addReset(group, session);
}

function addList(group: Command, session: Session): void {
  const command = group.command("list", { isDefault: true })
    .summary("list settings, their values and what they are for")
    .description("List settings. A value that is not the standard is marked with a star.")
    .option("--json", "for programs: [{ name, value, standard, takes, about }]");
  addExamples(command, ["troop settings list", "troop settings --json"]);
  command.action(async ({ json = false }: { json?: boolean }) => {
    const { context } = session;
    const { stdout, env } = context;
    const { settings } = await context.connect(session.home()).status();
    const shown = settingNames.map((name): ShownSetting => {
      const { standard, takes, about } = settingSpecs[name];
      return { name, value: settings[name] ?? standard, standard, takes, about };
    });
    if (json) writeJson(stdout, shown);
    else stdout.write(settingsText(shown, styleFor(stdout, env)));
  });
}

/** Writes the settings. */
export function settingsText(settings: readonly ShownSetting[], style: TextStyle): string {
  return tableText({
    heading: ["SETTING", "VALUE", "TAKES", "ABOUT"],
    rows: settings.map(({ name, value, standard, takes, about }): Cell[] => [
      name,
      value === standard ? value : { text: `${value} *`, tone: "warning" },
      takes,
      about,
    ]),
  }, style);
}

function addSet(group: Command, session: Session): void {
  const command = group.command("set")
    .description("change a setting on all nodes")
    .argument("<name>", "the setting")
    .argument("<value>", "its new value; `troop settings` says what it takes");
  addExamples(command, [
    "troop settings set tcp-timeout 900",
    "troop settings set sync-id 7",
    "troop settings set sloppy-tcp on",
  ]);
  command.action(async (text: string, value: string) => {
    const { context } = session;
    const attempted = `set ${text} to ${value}`;
    const name = readName(attempted, text);
    const { takes, read } = settingSpecs[name];
    const canonical = read(value);
    if (canonical === undefined) {
      throw usage(attempted, `"${value}" is no value for ${name}`, `use ${takes}`);
    }
    writeLine(
      context.stdout,
      await context.connect(session.home()).setSetting(name, canonical),
    );
  });
}

function addReset(group: Command, session: Session): void {
  const command = group.command("reset")
    .description("give a setting its standard value back")
    .argument("<name>", "the setting");
  addExamples(command, ["troop settings reset tcp-timeout"]);
  command.action(async (text: string) => {
    const { context } = session;
    const name = readName(`reset ${text}`, text);
    writeLine(context.stdout, await context.connect(session.home()).setSetting(name, null));
  });
}

function readName(attempted: string, text: string): SettingName {
  if (isSettingName(text)) return text;
  throw usage(attempted, `"${text}" is not a setting`, `use one of ${settingNames.join(", ")}`);
}
