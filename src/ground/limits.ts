/**
 * Every limit: beyond it something is refused, when it is made and when it is read alike.
 *
 * Units are bytes where a name ends in BYTES_MAX, else what the name says. Limits of hashed and
 * stored bytes are persisted: raising one is a new format version, since older releases refuse what
 * is beyond. Sizes that only tune speed stand where they are used.
 */

// Keys and streams. Persisted.

/** A name of a key; 1 at least. What file systems and FUSE know as NAME_MAX. */
export const NAME_BYTES_MAX = 255;
/** A key, with one '/' before each name: PATH_MAX of Linux. */
export const KEY_BYTES_MAX = 4_096;
/** Names in a key: each takes two bytes at least. */
export const KEY_NAMES_MAX: number = KEY_BYTES_MAX / 2;
/** A stream's name; 1 at least. */
export const STREAM_NAME_BYTES_MAX = 64;
/** Streams of an entry: their shape is listed in each node that uses it. */
export const STREAMS_MAX = 256;
/** All names of an entry's streams together, so that a node's table of shapes stays small. */
export const SHAPE_BYTES_MAX = 1_024;
/** The name of a branch or tag: it is a name. */
export const BRANCH_NAME_BYTES_MAX: number = NAME_BYTES_MAX;

// Records and nodes. Persisted: they decide where nodes are cut, and so every address.

/** What a record's small streams and its child map take together. */
export const SHARED_BYTES_MAX = 4_096;
/** A record in all: a leaf has room for one at least. */
export const RECORD_BYTES_MAX = 12_288;
/** A stream that counts as small, whatever its rule declares. */
export const SMALL_STREAM_BYTES_MAX = 512;
/** The plain length of a child map, one leaf, that stays in its record. */
export const INLINE_MAP_BYTES_MAX = 1_024;
/** The plain length of a node of more than one entry; it is cut by force. */
export const NODE_PLAIN_BYTES_MAX = 16_384;
/** The plain length of a run between two natural ends, about: it bounds what one edit cuts anew. */
export const RUN_BYTES_MAX = 1_048_576;
/** A node's bytes: its offsets have 16 bits. */
export const NODE_BYTES_MAX = 40_000;
/** Levels of a map: a tree is far lower, with 2^53 entries under nodes of two children. */
export const NODE_LEVEL_MAX = 48;
/** The longest stream that a rule may keep in metadata: a record has room for it. */
export const INLINE_BYTES_MAX = 8_192;
/** Streams that a bucket has rules for. */
export const RULES_MAX = 256;
/** A bucket's rules, encoded: a rule of 100 bytes for each of 256 streams, and more. */
export const RULES_BYTES_MAX: number = 64 * 1024;

// Contents. Persisted.

/** Content bytes of a chunk. */
export const CHUNK_BYTES_MAX = 1_048_576;
/** Content bytes that a rule may ask for as a chunk's size, at least. */
export const CHUNK_BYTES_MIN = 4_096;
/** A content: 2 PiB, so that offsets times four are whole numbers still. */
export const CONTENT_BYTES_MAX: number = 2 ** 51 - 1;
/** Zeros that make a hole, at least. */
export const HOLE_BYTES_MIN = 65_536;
/** Children of a manifest; of one that is not the last of its level, 32 at least. */
export const MANIFEST_CHILDREN_MAX = 256;
export const MANIFEST_CHILDREN_MIN = 32;
/** Levels of manifests: 32^11 bytes are more than a content has. */
export const MANIFEST_LEVEL_MAX = 11;
/** Contents that `put` takes at once, which it copies; longer ones are written. */
export const PUT_BYTES_MAX: number = 16 * 1024 * 1024;
/** Bytes of a stream that can be had as one array. */
export const WHOLE_BYTES_MAX: number = 2 ** 31 - 1;
/** A stream's contents as CBOR, and how deep its data nests. */
export const CBOR_BYTES_MAX = 16_777_216;
export const CBOR_DEPTH_MAX = 32;

// Blocks. Persisted.

/** A block: a whole chunk and its header. */
export const BLOCK_BYTES_MAX: number = CHUNK_BYTES_MAX + 3;
/** A body, plain bytes and links. */
export const BODY_BYTES_MAX: number = 2 * 1024 * 1024;
/** Patches under a body: each is one more block to read. */
export const PATCH_DEPTH_MAX = 12;
/** The number of an extent or a chunk, which a key of 32 bits holds. */
export const ROW_NUMBER_MAX = 0xffff_ffff;
/** The key of a row: the engine takes 1,978 bytes. */
export const ROW_KEY_BYTES_MAX = 1_900;

// Commits and clocks. Persisted.

/** Parents of a commit. */
export const PARENTS_MAX = 64;
/** Those of a commit that this version makes, and takes in: merges are of two. */
export const PARENTS_MERGED_MAX = 2;
export const MESSAGE_BYTES_MAX = 65_536;
/** What later versions say in a commit, tags and lengths included. */
export const EXTRAS_BYTES_MAX = 65_536;
/** The latest time that JavaScript's dates know, in milliseconds: corrected dates go above it. */
export const TIME_MS_MAX = 8_640_000_000_000_000;
/** A block of the map from a parent to a commit. */
export const MAP_BLOCK_BYTES_MAX = 32_768;
/** Commits that are stored as differences, one behind the other, along first parents. */
export const DELTAS_MAX = 31;
/** How high a commit may be said to be whose parents are not here. */
export const HEIGHT_MAX: number = 2 ** 48;
/** An encoded stamp. */
export const STAMP_BYTES_MAX = 65_536;
/** Nodes with halves in one encoded id or event tree. */
export const STAMP_NODES_MAX = 65_536;
/** How deep an id or an event tree may be: recursion over it ends there. */
export const STAMP_DEPTH_MAX = 1_024;
/** The events that one part of the interval can count. */
export const STAMP_COUNT_MAX: number = Number.MAX_SAFE_INTEGER;

// Packs and haves.

export const PACK_HEADER_BYTES_MAX = 1_048_576;
export const HAVES_MAX = 8_192;
export const WANTS_MAX = 8_192;
/** A frame's plain bytes: one block and its length. */
export const FRAME_PLAIN_BYTES_MAX: number = BLOCK_BYTES_MAX + 8;
/** A frame's body: codec, plain length, and bytes that did not get shorter. */
export const FRAME_BYTES_MAX: number = FRAME_PLAIN_BYTES_MAX + 16;
/** A part of a pack's index of names. */
export const INDEX_PART_BYTES_MAX = 131_072;
/** Entries, of all wanted trees together, up to which a pack has an index of names. */
export const INDEX_ENTRIES_MAX = 8_388_608;
/** An index of names that is opened: it is held in memory. */
export const INDEX_BYTES_MAX: number = 256 * 1024 * 1024;
/** A `have` as text, and its lines. */
export const HAVE_BYTES_MAX: number = 4 * 1024 * 1024;
export const HAVE_LINES_MAX = 8_192;
/** Blocks, or commits, of a pack that nothing has named yet: more than an honest one has. */
export const PENDING_MAX = 262_144;

// Volumes. Persisted, but for workers and levels.

/** Volumes that a store ever has: a row names one in two bytes. */
export const VOLUMES_MAX = 0xffff;
/** A volume's weight, 1 at least. */
export const VOLUME_WEIGHT_MAX = 1_000_000;
/** The path of a volume's folder. */
export const VOLUME_PATH_BYTES_MAX = 4_096;
/** Copies of a chunk. */
export const COPIES_MAX = 32;
/** Shards of a group, data and parity together. */
export const SHARDS_MAX = 32;
/** Chunks of a group. */
export const GROUP_CHUNKS_MAX = 65_536;
/** A chunk's stored bytes: what a codec may add to what it can't shorten. */
export const STORED_CHUNK_BYTES_MAX: number = CHUNK_BYTES_MAX + 4_096;
/** A shard with its record's header: a group is solved for in memory. */
export const STORED_SHARD_BYTES_MAX: number = 4 * 1_048_576;
/** Levels of compression, as zstd has them; 0 is none. */
export const COMPRESSION_LEVEL_MAX = 19;
/** Threads that compress and decode. */
export const WORKERS_MAX = 64;
/** Streams that have a storage rule of their own. */
export const STORAGE_RULES_MAX = 256;

// Options of a store.

/** Caches and transactions need that much to work at all. */
export const CACHE_BYTES_MIN: number = 4 * 1024 * 1024;
export const TRANSACTION_BYTES_MIN: number = 2 * 1024 * 1024;
/** Digits by which a commit is found, at least: fewer are typing errors. */
export const PREFIX_DIGITS_MIN = 8;
/** Findings that an import or export names; more are only counted. */
export const FINDINGS_MAX = 1_000;
/** A pattern that keys are found by: what it costs to match grows with it. */
export const PATTERN_CHARACTERS_MAX = 4_096;
/** The target of a symbolic link. */
export const LINK_TARGET_BYTES_MAX = 65_535;
