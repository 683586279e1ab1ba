import type { Socket } from "node:net"
import { buildConnector } from "undici"

/** A connection that was reset; `cause` is the socket's own error. */
export class ConnectionReset extends Error {
  constructor(override readonly cause: Error) {
    super(cause.message)
  }
}

/**
 * undici's connector, with sockets that do not end while undici has paused its parser, and that report a reset as a
 * `ConnectionReset`. undici 7.30 takes ECONNRESET for the end of a body whose connection is not kept alive, and asserts
 * then that its parser is not paused: with a slow reader this would be an uncaught exception, the end of the process.
 */
export const makeConnector = (timeoutMillis: number): buildConnector.connector => {
  const connect = buildConnector({ timeout: timeoutMillis })
  return (options, callback) =>
    connect(options, (...result) => {
      if (result[0] === null) guard(result[1])
      callback(...result)
    })
}

const guard = (socket: Socket): void => {
  const { destroy, push, read, unshift } = socket
  let isPaused = false
  let isEndHeld = false
  const giveEnd = (): void => {
    isEndHeld = false
    socket.push(null)
    socket.read(0)
  }
  // The parser gives back what it has not parsed when it pauses, and reads again when it resumes.
  socket.unshift = (chunk, encoding) => {
    isPaused = true
    return unshift.call(socket, chunk, encoding)
  }
  socket.read = (size) => {
    if (isPaused && size !== 0) {
      isPaused = false
      if (isEndHeld) queueMicrotask(giveEnd)
    }
    return read.call(socket, size)
  }
  socket.push = (chunk, encoding) => {
    if (chunk !== null || !isPaused) return push.call(socket, chunk, encoding)
    isEndHeld = true
    return false
  }
  socket.destroy = (error) =>
    destroy.call(socket, error !== undefined && isReset(error) ? new ConnectionReset(error) : error)
}

const isReset = (error: Error): boolean => "code" in error && error.code === "ECONNRESET"
