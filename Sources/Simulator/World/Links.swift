internal import Replica

/// The links between replicas, as the replicas were promised them: what is sent arrives in order, lane by lane, or the
/// link breaks and both ends are told. Faults bend and break that: messages lost, doubled, out of order, held up.
struct Links {
    /// One direction between two replicas.
    struct Direction {
        /// Nothing gets through until then.
        var cutUntil: UInt64 = 0
        /// What is sent waits until then.
        var clogUntil: UInt64 = 0
        /// When the last message of each lane arrives: the next one is no earlier.
        var controlArrives: UInt64 = 0
        var dataArrives: UInt64 = 0
        /// A message with frames was lost: none after it may arrive before the link is made anew.
        var isDataBroken = false
        /// Messages with frames on their way.
        var inFlight = 0
    }

    /// Both directions, and whether there is a connection.
    struct Pair {
        var isConnected = false
        /// Counts connections; what belongs to an earlier one is gone.
        var epoch = 0
        /// The end that does not know yet that the last connection is gone; 0: both do.
        var unnoticedBy = 0
    }

    private let count: Int
    var directions: [Direction]
    private var pairs: [Pair]

    init(replicas: Int) {
        count = replicas
        directions = Array(repeating: Direction(), count: replicas * replicas)
        pairs = Array(repeating: Pair(), count: replicas * replicas)
    }

    func place(_ source: Int, _ target: Int) -> Int { (source - 1) * count + target - 1 }

    subscript(source: Int, target: Int) -> Direction {
        get { directions[place(source, target)] }
        set { directions[place(source, target)] = newValue }
    }

    /// The connection between two replicas, whichever is named first.
    subscript(pair a: Int, b: Int) -> Pair {
        get { pairs[place(min(a, b), max(a, b))] }
        set { pairs[place(min(a, b), max(a, b))] = newValue }
    }

    func isCut(_ a: Int, _ b: Int, at now: UInt64) -> Bool {
        self[a, b].cutUntil > now || self[b, a].cutUntil > now
    }

    /// Nothing is under way between the two any more.
    mutating func reset(_ a: Int, _ b: Int) {
        self[pair: a, b].isConnected = false
        self[pair: a, b].epoch += 1
        for at in [place(a, b), place(b, a)] {
            directions[at].isDataBroken = false
            directions[at].inFlight = 0
            directions[at].controlArrives = 0
            directions[at].dataArrives = 0
        }
    }
}

/// A message on its way, as bytes with the checksum that a secure link would have.
struct Parcel {
    var source: Int
    var target: Int
    var epoch: Int
    var bytes: [UInt8]
    var checksum: UInt32
    var isSmall: Bool
    var mayOvertake: Bool
}
