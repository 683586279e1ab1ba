/**
 * A tracer that keeps its spans.
 */
import { type Context, type Exit, type Option, Tracer } from "effect"

export class TestSpan implements Tracer.Span {
  readonly _tag = "Span"
  readonly spanId: string
  readonly traceId = "trace"
  readonly sampled = true
  readonly attributes = new Map<string, unknown>()
  readonly links: Array<Tracer.SpanLink> = []
  status: Tracer.SpanStatus
  exit: Exit.Exit<unknown, unknown> | undefined
  ends = 0

  constructor(
    readonly name: string,
    readonly parent: Option.Option<Tracer.AnySpan>,
    readonly context: Context.Context<never>,
    startTime: bigint,
    readonly kind: Tracer.SpanKind,
    id: number
  ) {
    this.spanId = `span-${id}`
    this.status = { _tag: "Started", startTime }
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.ends++
    this.exit = exit
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
  }
  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }
  event(): void {}
  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    this.links.push(...links)
  }
}

/** A tracer that keeps its spans. */
export const tracing = (): { readonly tracer: Tracer.Tracer; readonly spans: ReadonlyArray<TestSpan> } => {
  const spans: Array<TestSpan> = []
  const tracer = Tracer.make({
    span: (name, parent, context, _links, startTime, kind, options) => {
      const span = new TestSpan(name, parent, context, startTime, kind, spans.length)
      for (const [key, value] of Object.entries(options?.attributes ?? {})) span.attribute(key, value)
      spans.push(span)
      return span
    },
    context: (f) => f()
  })
  return { tracer, spans }
}

export const attributesOf = (span: TestSpan | undefined): object => Object.fromEntries(span?.attributes ?? [])
