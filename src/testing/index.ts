export * as Cassette from "./Cassette.js"
export * as Fault from "./simulator/Fault.js"
export * as MockLlm from "./MockLlm.js"
export * as Simulator from "./Simulator.js"
