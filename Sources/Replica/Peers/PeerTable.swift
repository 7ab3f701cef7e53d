internal import Bytes
internal import SegmentedLog

/// Another replica as this one knows it. In memory alone: what a life learns ends with it, and is told to others in
/// every hello.
struct PeerView {
    let id: Int
    var isConnected = false
    /// Its hello, or figures in its place, came over the link that there is now.
    var isKnown = false
    /// When it was last heard of, by the forward clock; nil: not in this life.
    var heardAt: UInt64?
    /// When it became known, by the forward clock; 0: with this life.
    var knownSince: UInt64 = 0
    var figures: PeerFigures?
    var sighting: PeerSighting
    /// Since when, by the forward clock, it says that it has less than it was seen to have; nil: it has what it had.
    var rolledBackSince: UInt64?
    /// Nothing it says counts.
    var isRolledBack: Bool { rolledBackSince != nil }
    /// Its UTC less our forward clock, in microseconds, as of its last figures; the way between counts as nothing.
    var clockOffset: Int64 = 0

    init(id: Int) {
        self.id = id
        sighting = PeerSighting(id: id, boot: 0, term: 0, held: 0)
    }
}

/// The other replicas, spares among them, ascending by id.
struct PeerTable {
    private(set) var views: [PeerView]

    /// - Parameter known: what former lives were told, as the term file keeps it.
    init(_ ids: [Int], known: [KnownReplica] = []) {
        views = ids.sorted().map { PeerView(id: $0) }
        recall(known)
    }

    /// For the term file.
    var known: [KnownReplica] {
        sightings.map {
            KnownReplica(replica: UInt64($0.id), boot: $0.boot, term: $0.term, durableIndex: $0.held)
        }
    }

    /// One more that there is to be a link to.
    ///
    /// - Parameter known: as the term file has it: it may have been here before.
    mutating func add(_ id: Int, milliseconds: UInt64, known: [KnownReplica]) {
        guard view(id) == nil else { return }
        var view = PeerView(id: id)
        view.knownSince = milliseconds
        views.append(view)
        views.sort { $0.id < $1.id }
        recall(known)
    }

    /// What the term file says; that of one there is no view of is passed over, and none is taken back by it.
    private mutating func recall(_ known: [KnownReplica]) {
        for one in known {
            seen(PeerSighting(id: Int(one.replica), boot: one.boot, term: one.term, held: one.durableIndex))
        }
    }

    /// It is not to join after all.
    mutating func remove(_ id: Int) { views.removeAll { $0.id == id } }

    func view(_ id: Int) -> PeerView? { views.first { $0.id == id } }

    /// What is known of everybody, for a hello.
    var sightings: [PeerSighting] { views.map(\.sighting).filter { $0.boot > 0 } }

    /// Said again of a link that stands, it changes nothing.
    mutating func connected(_ id: Int) {
        change(id) {
            if !$0.isConnected { $0.isKnown = false }
            $0.isConnected = true
        }
    }

    mutating func disconnected(_ id: Int) {
        change(id) {
            $0.isConnected = false
            $0.isKnown = false
        }
    }

    mutating func heard(_ id: Int, milliseconds: UInt64) { change(id) { $0.heardAt = milliseconds } }

    /// It names itself: known from now on, or found to be rolled back.
    mutating func identified(_ id: Int, boot: UInt64, term: UInt64, durable: UInt64, milliseconds: UInt64) {
        change(id) { view in
            let seen = view.sighting
            guard boot >= seen.boot, term >= seen.term, durable >= seen.held else {
                view.rolledBackSince = view.rolledBackSince ?? milliseconds
                return
            }
            view.rolledBackSince = nil
            view.isKnown = true
            view.sighting.boot = boot
            view.sighting.term = term
        }
    }

    /// Somebody saw that a replica had this much.
    mutating func seen(_ sighting: PeerSighting) {
        change(sighting.id) { view in
            view.sighting.boot = max(view.sighting.boot, sighting.boot)
            view.sighting.term = max(view.sighting.term, sighting.term)
            view.sighting.held = max(view.sighting.held, sighting.held)
        }
    }

    /// It said that its disk holds what is committed through here.
    mutating func promised(_ id: Int, durable: UInt64) {
        change(id) { $0.sighting.held = max($0.sighting.held, durable) }
    }

    mutating func told(_ id: Int, _ figures: PeerFigures, forward: Int64) {
        change(id) {
            $0.figures = figures
            $0.clockOffset = figures.clock.microseconds &- forward
        }
        seen(
            PeerSighting(
                id: id, boot: figures.boot, term: figures.term, held: min(figures.committedIndex, figures.durableIndex))
        )
    }

    private mutating func change(_ id: Int, _ work: (inout PeerView) -> Void) {
        guard let at = views.firstIndex(where: { $0.id == id }) else { return }
        work(&views[at])
    }
}
