// What jemalloc reads at the start: few arenas, since few threads do the work,
// and memory that goes back to the machine a second after it was freed, so
// that the bound in tests/bench/README.md is one. Means nothing where the
// program is built without jemalloc.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:4,dirty_decay_ms:1000,muzzy_decay_ms:0";
}
