/**
 * Histories whose results are known: the last merge of each is the one that is looked at.
 *
 * `asks` are its conflicts, of which a key may be left open, as `*`; `ours` and `theirs` are the
 * keys that each answer to all of them leaves, `keys` what there is where nothing is asked.
 */
export interface KnownHistory {
  readonly name: string;
  readonly history: string;
  readonly asks?: readonly string[];
  readonly keys?: string;
  readonly ours?: string;
  readonly theirs?: string;
}

export const KNOWN: readonly KnownHistory[] = [
  {
    name: 'an edit and a new entry follow their moved directory',
    history: `
      A: bare /a/f
      B = A
      A: move /a to /b
      B: edit /a/f s, bare /a/g
      A <- B`,
    keys: '/b /b/f /b/g',
  },
  {
    name: 'the base of a criss-cross knows that both moved',
    history: `
      A: bare /album/photo
      B = A
      C = A
      B: move /album to /2024
      C: move /album to /holiday
      B <- C, ours
      C <- B~1, ours
      B <- C`,
    asks: ['moved (two-places) /album'],
    ours: '/2024 /2024/photo',
    theirs: '/holiday /holiday/photo',
  },
  {
    name: 'the base of a criss-cross does not know a stream: its removal is asked about',
    history: `
      A: put /o, edit /o s
      B = A
      A: edit /o s
      B: edit /o s
      A <- B, ours
      B: put /k
      B <- A~1, theirs
      A: drop /o s
      B <- A`,
    asks: ['changed/removed /o s'],
    ours: '/k /o',
    theirs: '/k /o',
  },
  {
    name: 'the base of a criss-cross does not know an entry: its removal is asked about',
    history: `
      A: put /o, edit /o s
      B = A
      A: edit /o s
      B: edit /o s
      A <- B, ours
      B: put /k
      B <- A~1, theirs
      A: del /o
      B <- A`,
    asks: ['changed/removed /o'],
    ours: '/k /o',
    theirs: '/k',
  },
  {
    name: 'a move that a merge carried on meets another',
    history: `
      A: bare /a/f, bare /c/g
      B = A
      B: move /a to /c/a2
      A: move /c to /x
      B <- A, ours
      A: move /a to /y
      B <- A`,
    asks: ['moved (two-places) /a'],
    ours: '/x /x/a2 /x/a2/f /x/g',
    theirs: '/x /x/g /y /y/f',
  },
  {
    name: 'an edit follows a move that a merge carried on',
    history: `
      A: bare /a/f, bare /c/g
      B = A
      B: move /a to /c/a2
      A: move /c to /x
      B <- A, ours
      A: edit /a/f s
      B <- A`,
    keys: '/x /x/a2 /x/a2/f /x/g',
  },
  {
    name: 'a bucket moved to two places',
    history: `
      A: bucket /m, bucket /n, put /n/f
      B = A
      B: move /n to /m/n
      A: move /n to /e
      B <- A`,
    asks: ['moved (two-places) /n'],
    ours: '/m /m/n /m/n/f',
    theirs: '/e /e/f /m',
  },
  {
    name: 'the base of a criss-cross has its buckets',
    history: `
      A: bucket /m, bare /m/o
      B = A
      C = A
      B: bare /m/w
      C <- B, ours
      C: move /m to /u
      A: bare /m/q
      B <- A, ours
      A <- C, ours
      B <- A`,
    keys: '/u /u/o /u/q /u/w',
  },
  {
    name: 'an edit follows its entry where two change places',
    history: `
      A: put /a, put /b
      B = A
      A: move /a to /t, move /b to /a, move /t to /b
      B: edit /a s
      A <- B`,
    keys: '/a /b',
  },
  {
    name: 'edits follow a chain of moves',
    history: `
      A: put /a, put /b
      B = A
      A: move /b to /c, move /a to /b
      B: edit /b s, edit /a t
      A <- B`,
    keys: '/b /c',
  },
  {
    name: 'two that move into each other',
    history: `
      A: put /a, put /b
      B = A
      A: move /a to /b/a
      B: move /b to /a/b
      A <- B`,
    asks: ['moved (cycle) *'],
    ours: '/b /b/a',
    theirs: '/a /a/b',
  },
  {
    name: 'a move onto a name that the other took: both stay',
    history: `
      A: put /a
      B = A
      A: move /a to /c
      B: put /c
      A <- B`,
    asks: ['moved (one-name) *'],
    ours: '/c /c~',
    theirs: '/c /c~',
  },
  {
    name: 'a directory removed, and changed within: one question, and its whole comes back',
    history: `
      A: put /d/f, put /d/g
      B = A
      A: del /d
      B: edit /d/f s
      A <- B`,
    asks: ['removed/changed /d'],
    ours: '',
    theirs: '/d /d/f /d/g',
  },
  {
    name: 'moved out of a directory that the other removed',
    history: `
      A: put /d/f
      B = A
      A: del /d
      B: move /d/f to /f
      A <- B`,
    asks: ['removed/changed /d/f'],
    ours: '',
    theirs: '/f',
  },
  {
    name: 'moved into a directory that the other removed',
    history: `
      A: put /d, put /x
      B = A
      A: del /d
      B: move /x to /d/x
      A <- B`,
    asks: ['removed/changed /d'],
    ours: '/x',
    theirs: '/d /d/x',
  },
  {
    name: 'an edit follows what was moved out of a directory before its removal',
    history: `
      A: put /d/f
      B = A
      A: move /d/f to /f, del /d
      B: edit /d/f s
      A <- B`,
    keys: '/f',
  },
  {
    name: 'a directory that moves emptied, and a new entry in it',
    history: `
      A: bare /d/f
      B = A
      A: move /d/f to /f
      B: bare /d/g
      A <- B`,
    keys: '/d /d/g /f',
  },
  {
    name: 'an emptied directory and what it had come to one place',
    history: `
      A: bare /a/a
      B = A
      A: move /a to /b/b
      B: move /a/a to /b/b
      A <- B`,
    keys: '/b /b/b',
  },
  {
    name: 'what two lines kept of what a third removed is one entry',
    history: `
      A: put /c, edit /c s
      B = A
      C = A
      A: del /c
      B: move /c to /b
      B <- A, ours
      C: edit /c s
      A <- C, theirs
      A <- B`,
    asks: ['moved (two-places) *', 'both-added * s'],
    ours: '/c',
    theirs: '/b',
  },
  {
    name: 'each has seen the edit of the other before it edits again',
    history: `
      A: put /f, put /g
      B = A
      A: edit /f s
      B: edit /g s
      A <- B, ours
      B <- A~1, ours
      A: edit /f s
      A <- B`,
    keys: '/f /g',
  },
  {
    name: 'the same move by both, and another by one',
    history: `
      A: put /f, put /g
      B = A
      A: bare /n/k, move /f to /n/f
      B: move /f to /n/f, move /g to /n/g
      A <- B`,
    keys: '/n /n/f /n/g /n/k',
  },
  {
    name: 'two that became one in one line, and stayed two in another',
    history: `
      B = A
      A: put /a
      B: put /a
      C = A
      C: move /a to /b
      C <- B, ours
      A <- B, ours
      A <- C`,
    asks: ['moved (tangled) *'],
  },
  {
    name: 'an entry that was put again takes a stream that the other added',
    history: `
      A: put /a
      B = A
      A: del /a, put /a
      B: edit /a t
      A <- B`,
    keys: '/a',
  },
  {
    name: 'a directory that went with its only child, and a new entry in it',
    history: `
      A: bare /d/f
      B = A
      A: del /d/f
      B: bare /d/g
      A <- B`,
    asks: ['removed/changed /d'],
    ours: '',
    theirs: '/d /d/f /d/g',
  },
  {
    name: 'a bucket moved into another, and edited within',
    history: `
      A: bucket /m, bucket /n
      B = A
      A: move /n to /m/n
      B: edit /n s, put /n/f
      A <- B`,
    keys: '/m /m/n /m/n/f',
  },
  {
    name: 'an edit follows its entry out of a bucket',
    history: `
      A: bucket /m, put /m/f
      B = A
      A: move /m/f to /f
      B: edit /m/f s
      A <- B`,
    keys: '/f /m',
  },
  {
    name: 'a bucket removed, and changed within',
    history: `
      A: bucket /m, put /m/f
      B = A
      A: del /m
      B: edit /m/f s
      A <- B`,
    asks: ['removed/changed /m'],
    ours: '',
    theirs: '/m /m/f',
  },
  {
    name: 'two buckets at one name: both stay',
    history: `
      B = A
      A: bucket /m
      B: bucket /m
      A <- B`,
    asks: ['moved (one-name) /m'],
    ours: '/m /m~',
    theirs: '/m /m~',
  },
  {
    name: 'moved out of a directory that was removed then, and renamed within it',
    history: `
      A: put /d/f
      B = A
      A: move /d/f to /f, del /d
      B: move /d/f to /d/h
      A <- B`,
    asks: ['removed/changed /d', 'moved (two-places) /d/f'],
    ours: '/f',
    theirs: '/d /d/h',
  },
  {
    name: 'conflicts within a bucket count from the bucket that was asked',
    history: `
      A: bucket /m, put /m/x, put /x
      B = A
      A: edit /m/x s, edit /x s
      B: edit /m/x s, edit /x s
      A <- B`,
    asks: ['both-added /m/x s', 'both-added /x s'],
    ours: '/m /m/x /x',
    theirs: '/m /m/x /x',
  },
  {
    name: 'moved within a bucket and then out of it, and out of it by the other',
    history: `
      A: bare /b/b/a, bucket /b
      B = A
      A: move /b/b/a to /a
      B: move /b/b/a to /b/a
      B: move /b/a to /c
      B <- A`,
    asks: ['moved (two-places) /b/b/a'],
    ours: '/b /c',
    theirs: '/a /b',
  },
  {
    name: 'an edit follows its entry into a bucket, and within it',
    history: `
      A: bare /c/f, bucket /m
      B = A
      A: move /c/f to /m/f
      A: move /m/f to /m/g
      B: edit /c/f s
      A <- B`,
    keys: '/m /m/g',
  },
  {
    name: 'what both brought back is one entry',
    history: `
      A: put /c
      B = A
      A: del /c
      B <- A, ours
      A revert 0
      B revert 0
      B: move /c to /b
      A <- B`,
    asks: ['moved (two-places) /c'],
    ours: '/c',
    theirs: '/b',
  },
  {
    name: 'an entry at the name that another had, which a merge let go',
    history: `
      A: bare /a
      B = A
      A: put /c/d
      B: move /a to /c
      A: del /a
      A <- B, ours
      B: move /c to /b
      A <- B`,
    asks: ['removed/changed /c'],
    ours: '/c /c/d',
    theirs: '/b /c /c/d',
  },
  {
    name: 'a bucket in a directory that became one, and came back as it was',
    history: `
      A: bucket /d/n
      B = A
      A: bucket /d
      B <- A, ours
      B restore 1
      A: edit /d s
      A <- B`,
    keys: '/d /d/n',
  },
  {
    name: 'an edit follows what a move had replaced, and a restore brought back',
    history: `
      A: put /old, put /new
      B = A
      A: del /old, move /new to /old
      A restore 1
      A: move /old to /b
      B: edit /old s
      A <- B`,
    keys: '/b /new',
  },
  {
    name: 'both brought back what a move had replaced',
    history: `
      A: put /old, put /new
      B = A
      A: del /old, move /new to /old
      B <- A, ours
      A restore 1
      B revert 0
      A: move /old to /a
      B: move /old to /b
      A <- B`,
    asks: ['moved (two-places) /a'],
    ours: '/a /new',
    theirs: '/b /new',
  },
  {
    name: 'what is within a directory that came back came back',
    history: `
      A: bare /a, bare /b
      B = A
      B: move /b to /a/c
      A: move /a to /c/c
      A: del /c/c
      C = A
      C <- B, policy newest
      B <- A~1, base
      C restore 3
      B: move /c/c/c to /c/b
      A <- B, theirs
      A <- C`,
    asks: ['moved (two-places) /b'],
    ours: '/c /c/b /c/c',
    theirs: '/b /c /c/c',
  },
  {
    name: 'what was replaced at a key twice',
    history: `
      A: put /a, bucket /b
      B = A
      A: del /a
      A: move /b to /a
      B: edit /a s
      A: del /a
      B <- A~1, policy ours
      B: move /a to /c
      B: put /a
      A: put /a/b/a
      A <- B, policy newest
      B: move /a to /c/a
      B <- A~2`,
    asks: ['changed/removed /a'],
  },
  {
    name: 'what was moved within what was removed is one question with it',
    history: `
      A: bare /c/b, bare /a/b
      B = A
      B: move /c/b to /swap, move /a to /c/b
      B: del /c/b
      A: move /c/b to /swap, move /a/b to /c/b
      A: move /c to /a/c
      A <- B`,
    asks: ['changed/removed /a'],
    ours: '/a /a/c /a/c/b /swap',
    theirs: '/swap',
  },
  {
    name: 'a tangle where one side has nothing but a bucket in it',
    history: `4 replicas
      A: bare /c
      D: put /b, bare /c
      B <- D, both
      B <- A, policy ours
      D: move /b to /swap, move /c to /b, move /swap to /c, bucket /c/b/b
      D <- A, policy theirs
      A: put /b
      A revert 1
      A: del /b
      B <- D`,
    asks: ['moved (tangled) /b'],
    ours: '/b /c /c/b /c/b/b',
    theirs: '/b /c /c/b /c/b/b',
  },
  {
    name: 'an answer to a tangle counts for what one side left as it was',
    history: `5 replicas
      C: put /b/a
      C: move /b/a to /c
      E <- C~1, mixed
      D: bare /c
      E <- D, policy newest
      C <- D, theirs
      E <- C`,
    asks: ['moved (tangled) /b/a'],
    ours: '/b /b/a /c',
    theirs: '/b /c',
  },
  {
    name: 'what a tangle does not know is another entry',
    history: `
      A: bare /b/b/a
      B = A
      A: edit /b/b/a t
      B: del /b
      C = B
      C: bare /b
      B: put /b
      B: move /b to /c/b
      C <- B, policy newest
      C <- A, policy theirs
      C <- A`,
    asks: ['moved (tangled) /b', 'removed/changed /b/b'],
    ours: '/b /b/b /b/b/a /c /c/b',
    theirs: '/b /b/b /b/b/a /c /c/b',
  },
  {
    name: 'a new entry under the name of what a tangle kept',
    history: `4 replicas
      A: put /a/b
      D:  after put /c/b/c
      C: bare /a
      B <- C, mixed
      D <- A, base
      D <- C, both
      B: move /a to /c/b
      A <- B`,
    keys: '/a /a/b /c /c/b',
  },
  {
    name: 'what came into a bucket is in its base',
    history: `
      A: bucket /a, put /c/c
      B = A
      A: bare /c/b/c
      B: move /c to /a/b
      B <- A, ours
      B: move /a/b/c to /a/a/b
      A: move /c/b to /a/c
      A <- B~2, theirs
      A <- B`,
    keys: '/a /a/a /a/a/b /a/b /a/c /a/c/c',
  },
  {
    name: 'what came into a bucket, and was removed there',
    history: `
      A: put /c/b, bare /a
      B = A
      A: put /c/a
      C = B
      C: bucket /a
      B: move /c to /a/b
      B <- A, theirs
      A <- C, ours
      B:  after put /c/c/b
      C <- B~2, policy newest
      C: edit /a s
      B: del /a/b/b
      A <- B`,
    keys: '/a /a/b /a/b/a /c /c/c /c/c/b',
  },
  {
    name: 'what came into a bucket is not what was removed under its name',
    history: `
      A: bare /b/b, put /a/b/c, bucket /b
      B = A
      A: move /a/b to /swap, move /swap to /a/b/c
      B <- A, policy newest
      B: del /b/b
      A: move /b/b to /swap, move /a/b to /b/b, move /swap to /a/b after edit /a/b s
      B: move /a/b to /b/b
      B <- A, policy theirs
      A <- B`,
    asks: ['removed/changed /b/b'],
    ours: '/a /a/b /b /b/b /b/b/c /b/b/c/c',
    theirs: '/a /a/b /b /b/b /b/b/c /b/b/c/c',
  },
  {
    name: 'an edit of what came back, where bases do not know that it is there',
    history: `
      A: put /b/c
      B = A
      C = A
      B: move /b/c to /c
      C: del /b
      B: move /c to /swap, move /b to /c, move /swap to /b
      A <- C, both
      C <- B, policy newest
      C: edit /c t
      A <- B`,
    asks: ['removed/changed /b/c', 'removed/changed /b'],
    ours: '',
    theirs: '/b /c',
  },
  {
    name: 'what one moved and the other removed comes back as one entry',
    history: `
      A: put /c/a
      B = A
      A: del /c
      B: move /c to /a
      A <- B, ours
      A revert 1
      B: edit /a s
      A <- B`,
    keys: '/c /c/a',
  },
  {
    name: 'what both removed under two names comes back as one entry',
    history: `
      A: put /a
      B = A
      B: edit /a s after put /a/c
      B: move /a to /c/a
      B: del /c/a
      A <- B~3, policy ours
      A restore 2
      B <- A, both
      A revert 0
      B restore 2
      A <- B`,
    asks: ['moved (two-places) /a'],
    ours: '/a /a/c',
    theirs: '/c /c/a /c/a/c',
  },
  {
    name: 'what was removed with its bucket, and kept out of it',
    history: `
      A: bucket /c, bare /a/a
      B = A
      B: move /a to /c/b
      C = A
      A: move /a/a to /b
      B: move /c to /a/b/b
      B: move /a/b to /c
      B: edit /c/b/b t after move /c to /swap, move /swap to /c/b/b/a
      C <- B~3, policy newest
      B: del /c/b/b/a/b
      C: move /a/b/b/b/a to /b/a
      C <- B, base
      A <- B, ours
      A <- C`,
    asks: ['moved (two-places) *'],
    ours: '/b',
    theirs: '/b /b/a',
  },
  {
    name: 'a bucket that a restore took back is what it was made of',
    history: `
      A: put /b/a
      B = A
      C = A
      C: move /b to /c, bucket /c
      C restore 1
      A: move /b to /c/a
      A <- C`,
    keys: '/c /c/a /c/a/a',
  },
  {
    name: 'a removal follows out of a bucket that a revert took back',
    history: `
      A: bare /b/c
      B = A
      A: bucket /b, move /b to /c/b
      C = A
      A: del /c/b/c
      C revert 0
      A <- C`,
    keys: '',
  },
  {
    name: 'edits follow out of a bucket that a revert took back',
    history: `
      A: put /a/b
      A: bucket /a
      B = A
      B: edit /a/b s, put /a/c, edit /a s
      A revert 0
      A <- B`,
    keys: '/a /a/b /a/c',
  },
  {
    name: 'what left a bucket is not at its key there',
    history: `
      A: bucket /b, bare /b/a/c, bucket /c/b
      B = A
      B: move /b/a to /swap
      B:  after move /c to /swap/a, put /b/a
      A:  after edit /b/a/c s
      A <- B`,
    keys: '/b /b/a /swap /swap/a /swap/a/b /swap/c',
  },
  {
    name: 'two conflicts have two keys',
    history: `
      A: put /a
      B = A
      B: put /b/a, move /a to /c/c
      B:  after move /b to /c/c/a
      A: move /a to /c/a/c, bucket /a
      B: bare /a
      B restore 3
      B restore 1
      A <- B~2, policy ours
      A <- B~1, policy newest
      A <- B`,
    asks: ['moved (two-places) /a', 'moved (two-places) /a~'],
  },
  {
    name: 'what was put again under the key of a bucket that was removed',
    history: `
      A: bucket /c
      B = A
      A: del /c
      A: bare /c
      B: move /c to /swap, move /swap to /a
      B: del /a
      A: edit /c s
      A: del /c
      B <- A~2, both
      B <- A`,
    keys: '',
  },
];
