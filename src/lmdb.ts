export * as LmdbCache from "./lmdb/LmdbCacheNode.js"
