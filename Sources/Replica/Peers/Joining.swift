internal import Consensus
internal import Files
internal import Records
internal import SegmentedLog

// One replica more than the configuration lists: where it is stands in the log, so that whoever leads, and whoever is
// started again, finds it (design 8). It need not run yet; it is a learner until it has the log.
extension Replica {
    /// The first step of letting a replica join that is new to the cluster.
    func change(adding joining: Int, at place: Place) throws(Problem) -> ConfigurationEntry {
        guard !isJoining(joining, at: place) else { return newest }
        try mayChange()
        guard !membership.retired.contains(joining) else {
            throw Problem(.orderRefused, "That id was retired; ids are used once. Take another.")
        }
        guard joining != configuration.id, !membership.isMember(joining) else {
            throw Problem(.orderRefused, "That id is in use: chartlog status lists them. Take another.")
        }
        let others = knownPlaces
        guard others.first(where: { $0.id == joining }).map({ $0 == place }) ?? (peers.view(joining) == nil) else {
            throw Problem(.orderRefused, "That id is another replica's: chartlog status lists them. Take another.")
        }
        guard
            !others.contains(where: {
                $0.id != joining && !membership.retired.contains($0.id) && $0.overlaps(place)
            })
        else {
            throw Problem(.orderRefused, "Another replica has that address and port. Take others.")
        }
        // Everybody is retired in the end, and the ids of all that are stand in every configuration.
        guard membership.retired.count + peers.views.count < ConfigurationEntry.idsMax,
            newest.places.count < ConfigurationEntry.placesMax
        else { throw Problem(.orderRefused, "Too many replicas have joined this cluster.") }
        let change = MemberChange(joining: joining, leaving: nil, isAutomatic: false, begun: clock.wall)
        var entry = ConfigurationEntry(membership.adding(learner: joining), change: change, after: newest)
        if !others.contains(place) { entry.places.append(place) }
        return entry
    }

    /// Whether that very order is being carried out.
    func isJoining(_ joining: Int, at place: Place) -> Bool {
        guard let change = newest.change, change.leaving == nil else { return false }
        return change.joining == joining && newest.places.contains(place)
    }

    /// The step that ends a change whose learner does not vote yet; nil when there is none to end.
    func givingUp(_ joining: Int) -> ConfigurationEntry? {
        let last = configurations[configurations.count - 1]
        guard let change = last.entry.change, change.joining == joining, !membership.isJoint,
            last.index <= committedIndex, raft.mayPropose
        else { return nil }
        return ConfigurationEntry(membership.removing(learner: joining), after: last.entry)
    }

    /// Everybody, by the configuration and by the log, ascending by id.
    private var knownPlaces: [Place] {
        let listed = configuration.places
        let joined = newest.places.filter { place in !listed.contains { $0.id == place.id } }
        return (listed + joined).sorted { $0.id < $1.id }
    }

    /// What a replica that joins begins with.
    func seed() throws(Problem) -> Seed {
        do {
            let file = try store.open(ReplicaPaths.keys, .read)
            defer { store.close(file) }
            let keys = try store.read(file, at: 0, count: try store.size(file))
            guard let first = try log.stored(from: 1, through: 1, bytesMax: .max).first else {
                throw LogError.absent
            }
            return Seed(
                keys: keys, first: FirstFrame.copy(of: first),
                lineage: lineage.generations.count > 1 ? lineage.bytes : nil, places: knownPlaces)
        } catch {
            throw Problem(.internalError, "The keys or the first entry cannot be read: see the disk.")
        }
    }

    /// Begins to speak with whoever the log says has joined. That there are others is durable before any of them votes:
    /// from then on the end of this log is not this replica's alone to cut.
    func learnPlaces(into effects: inout [ReplicaEffect]) {
        let places = newest.places
        guard places != toldPlaces else { return }
        let gone = toldPlaces.filter { !places.contains($0) && !configuration.peers.contains($0.id) }
        toldPlaces = places
        let joined = places.filter { $0.id != configuration.id }
        for place in joined { peers.add(place.id, milliseconds: clock.milliseconds, known: terms.state.known) }
        for place in gone { peers.remove(place.id) }
        if !joined.isEmpty { log.gainsPeers() }
        var met = terms.state
        met.met(joined.map { UInt64($0.id) })
        do {
            if met != terms.state { try save { $0 = met } }
        } catch {
            return fail(.internalError, into: &effects)
        }
        effects.append(.places(joined))
    }
}
