// What jemalloc reads at the start: few arenas, since few threads do the work,
// and memory that goes back to the machine about a second after it was freed,
// as long as the process goes on allocating: tests/bench/README.md states a
// bound. Means nothing where the program is built without jemalloc.
extern "C" {
const char* malloc_conf = "narenas:4,dirty_decay_ms:1000,muzzy_decay_ms:0";
}
