/**
 * Notices kept for a test to look at.
 */
import type { Notices } from "../../src/shell/log/notices.ts";

/** One report. */
export interface Notice {
  readonly level: "debug" | "info" | "warn";
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** Notices that remember. */
export interface RecordedNotices extends Notices {
  readonly all: Notice[];
  messages(level: Notice["level"]): string[];
}

/** Makes an empty record of notices. */
export function recordNotices(): RecordedNotices {
  const all: Notice[] = [];
  const at = (level: Notice["level"]) => (fields: object, message: string) =>
    void all.push({ level, fields: { ...fields }, message });
  return {
    all,
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    messages: (level) => all.filter((one) => one.level === level).map((one) => one.message),
  };
}
