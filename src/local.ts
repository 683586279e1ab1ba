export * as LocalLlama from "./provider/LocalLlama.js"
