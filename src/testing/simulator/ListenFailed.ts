import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** The simulator could not listen, most often because the port is taken. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  host: Schema.String,
  port: Schema.Number,
  cause: Schema.Defect
}) {
  override get message(): string {
    const code = Predicate.hasProperty(this.cause, "code") ? this.cause.code : undefined
    const where = `port ${this.port} on ${this.host}`
    switch (code) {
      case "EADDRINUSE":
        return `${where} is in use`
      case "EACCES":
        return `${where} needs more rights than this process has`
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
        return `${this.host} is no address of this machine`
      default:
        return `cannot listen on ${where}`
    }
  }
}
