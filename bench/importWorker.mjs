// One import in a fresh process: `node importWorker.mjs URL`. Prints { "milliseconds", "megabytes" } as JSON.
const [url] = process.argv.slice(2)
const memory = process.memoryUsage.rss()
const start = performance.now()
await import(url)
const milliseconds = performance.now() - start
const megabytes = (process.memoryUsage.rss() - memory) / 1e6
process.stdout.write(`${JSON.stringify({ milliseconds, megabytes })}\n`, () => process.exit(0))
