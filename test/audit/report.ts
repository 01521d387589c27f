/**
 * Reads what `npm audit --json` says, from standard input, and ends with 0 when nothing is known against the program's
 * dependencies, 1 when something is, and 3 when the registry did not answer, which proves nothing.
 */
import { z } from "zod";

const reportSchema = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.object({ severity: z.string(), range: z.string().default("") }),
  ),
});
const errorSchema = z.object({ message: z.string() });

/** What is said, and the exit status. */
export interface Verdict {
  readonly text: string;
  readonly status: 0 | 1 | 3;
}

/** Judges the report. */
export function judgeReport(text: string): Verdict {
  const value = parse(text);
  const report = reportSchema.safeParse(value);
  if (!report.success) {
    const why = errorSchema.safeParse(value).data?.message ?? "it said nothing that can be read";
    return { text: `audit: the registry did not answer, nothing is proved: ${why}`, status: 3 };
  }
  const found = Object.entries(report.data.vulnerabilities);
  if (found.length === 0) {
    return { text: "audit: nothing is known against any dependency", status: 0 };
  }
  const lines = found.map(([name, { severity, range }]) =>
    `  ${severity}: ${name} ${range}`.trimEnd()
  );
  return { text: [`audit: ${found.length} dependencies`, ...lines].join("\n"), status: 1 };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const { text, status } = judgeReport(await Bun.stdin.text());
  process.stdout.write(`${text}\n`);
  process.exit(status);
}
