// The table of a run, as Markdown: for the terminal and for results/latest.md alike.

const figureText = (value) => {
  if (value >= 100) return Math.round(value).toLocaleString("en-US")
  return value.toFixed(value >= 10 ? 1 : 2)
}

const cellText = (base) => (results, scenario, client) => {
  const failure = results.failure(scenario, client)
  if (failure !== undefined) return failure.kind
  const median = results.median(scenario, client)
  if (median === undefined) return ""
  // An import has no limit that raw would show: it is what it is.
  const timesRaw = scenario.startsWith("import") ? undefined : results.ratio(scenario, client, base)
  return timesRaw === undefined
    ? figureText(median)
    : `${figureText(median)} (${timesRaw.toFixed(timesRaw >= 10 ? 0 : 1)})`
}

const spreadText = (results, scenario, client) => {
  const spread = results.spread(scenario, client)
  return spread === undefined ? "" : `${Math.round(spread * 100)} %`
}

const table = (head, rows) => {
  const lines = [head, ...rows]
  const widths = head.map((_, column) => Math.max(3, ...lines.map((line) => line[column].length)))
  const lineText = (line) => `| ${line.map((text, column) => text.padEnd(widths[column])).join(" | ")} |`
  return [lineText(head), lineText(widths.map((width) => "-".repeat(width))), ...rows.map(lineText)].join("\n")
}

const matrix = (results, clients, scenarios, textOf) =>
  table(
    ["", ...scenarios.map(([name]) => name)],
    clients.map(([client, title]) => [title, ...scenarios.map(([scenario]) => textOf(results, scenario, client))])
  )

/** `clients` and `scenarios` are pairs of name and title; `base` is the client that the others are compared with. */
export const toMarkdown = ({
  machine,
  versions,
  rounds,
  seconds,
  smoke,
  results,
  base = "raw",
  clients,
  scenarios,
  judgement
}) =>
  [
    "# effect-llm bench",
    "",
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.platform}; ` +
      `${rounds} round${rounds === 1 ? "" : "s"}, ${Math.round(seconds)} s.`,
    ...(smoke
      ? ["", "**Smoke run: it shows that everything works; its sizes are too small for its figures to mean anything.**"]
      : []),
    "",
    `Median of the rounds (× ${base}, computed per round):`,
    "",
    matrix(results, clients, scenarios, cellText(base)),
    "",
    ...scenarios.map(([name, title]) => `- **${name}**: ${title}`),
    ...(rounds < 3
      ? []
      : ["", "Interquartile spread, of the median:", "", matrix(results, clients, scenarios, spreadText)]),
    ...(smoke
      ? []
      : [
          "",
          "Targets:",
          "",
          table(
            ["target", "limit", "measured", ""],
            judgement.map(({ text, limit, figure, verdict }) => [text, limit, figure?.toFixed(2) ?? "", verdict])
          )
        ]),
    "",
    `Versions: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}.`,
    ""
  ].join("\n")
