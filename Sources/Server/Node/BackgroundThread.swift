internal import Files
internal import Keys
internal import Linux
internal import Replica
internal import Transport

/// The thread for what lasts: snapshots and the closing of segments.
enum BackgroundThread {
    enum Order: Sendable {
        case work(BackgroundWork)
        case end
    }

    /// Runs until told to end, with a store of its own.
    static func run(_ root: String, orders: Mailbox<Order>, mail: NodeMail) {
        guard let store = try? LinuxFiles(root: root), let crypto = try? Crypto() else {
            return mail.toLoop.mustPost(.diskFailed(.missing))
        }
        var dice = SystemDice()
        var waiting: [Order] = []
        while true {
            orders.bell.wait()
            orders.takeAll(into: &waiting)
            waiting.reverse()
            // One at a time out of the list: what an order holds, such as a copy of the book, goes as soon as it is done.
            while let order = waiting.popLast() {
                guard case .work(let work) = order else { return }
                mail.toLoop.mustPost(.backgroundFinished(work.carryOut(on: store, crypto: crypto, dice: &dice)))
            }
            ThisProcess.giveMemoryBack()
        }
    }
}
