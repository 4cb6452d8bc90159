#include "tests/system/simulation/sim_link.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace baton::sim {
namespace {

constexpr absl::Duration kCallDeadline = absl::Seconds(10);
constexpr absl::Duration kFirstRetryDelay = absl::Milliseconds(500);
constexpr absl::Duration kMaxRetryDelay = absl::Seconds(30);
constexpr absl::Duration kHeartbeat = absl::Seconds(30);  // Really 5 s.
constexpr int kDuplicatePercent = 2;
constexpr int kResetPercent = 1;  // Of the heartbeats.

}  // namespace

// One stream of the agency, begun again and again: a queue's messages, or the
// conversations when the queue is empty.
class SimLink::Stream final : public std::enable_shared_from_this<Stream> {
 public:
  Stream(const SimLink* link, std::string queue)
      : parts_(link->parts_),
        listener_(link->listener_),
        queue_(std::move(queue)) {}

  // Begins a stream, or sees that the last one works.
  void Tick() {
    if (ended_) return;
    if (IsOpen()) {
      delay_ = kFirstRetryDelay;
      Heartbeat();
      if (!parts_.line->calm() && parts_.world->Chance(kResetPercent)) Drop();
      Again(kHeartbeat);
      return;
    }
    Drop();
    Connect();
    Again(delay_);
    delay_ = std::min(delay_ * 2, kMaxRetryDelay);
  }

  // The process is gone; the broker notices after a while.
  void End() {
    ended_ = true;
    Drop();
  }

 private:
  // The broker's end of one attempt.
  class Outlet final : public DeliverySink {
   public:
    Outlet(std::weak_ptr<Stream> stream, uint64_t attempt)
        : stream_(std::move(stream)), attempt_(attempt) {}
    void Deliver(std::vector<v1::ReceivedMessage> messages) override {
      const std::shared_ptr<Stream> stream = stream_.lock();
      if (stream == nullptr || messages.empty()) return;
      stream->Carry(attempt_,
                    [stream = stream.get(), messages = std::move(messages)] {
                      stream->listener_->OnHeard();
                      stream->listener_->OnMessages(stream->queue_, messages);
                    });
    }
    void End(absl::Status) override {
      const std::shared_ptr<Stream> stream = stream_.lock();
      if (stream == nullptr) return;
      stream->Carry(attempt_, [stream = stream.get()] { stream->Drop(); });
    }

   private:
    const std::weak_ptr<Stream> stream_;
    const uint64_t attempt_;
  };

  bool IsOpen() const {
    return open_ && parts_.broker->up() && parts_.broker->life() == life_ &&
           parts_.line->up() && parts_.line->epoch() == epoch_;
  }

  void Again(absl::Duration delay) {
    parts_.world->After(delay, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Tick();
    });
  }

  void Connect() {
    previous_ = absl::ZeroDuration();
    parts_.line->CarryInOrder(
        &previous_, [weak = weak_from_this(), attempt = ++attempt_] {
          const auto self = weak.lock();
          if (self == nullptr || self->ended_ || attempt != self->attempt_ ||
              !self->parts_.broker->up()) {
            return;
          }
          self->Accept(attempt);
        });
  }

  void Accept(uint64_t attempt) {
    open_ = true;
    life_ = parts_.broker->life();
    epoch_ = parts_.line->epoch();
    previous_ = absl::ZeroDuration();
    if (!queue_.empty()) {
      id_ = parts_.broker->Pull(
          parts_.identity, queue_, {.name = parts_.consumer},
          std::make_shared<Outlet>(weak_from_this(), attempt));
      return;
    }
    id_ = parts_.broker->Watch(
        parts_.identity, [weak = weak_from_this(),
                          attempt](const v1::Conversation& conversation) {
          const auto self = weak.lock();
          if (self == nullptr) return;
          self->Carry(attempt, [self = self.get(), conversation] {
            self->listener_->OnHeard();
            self->parts_.on_conversation(conversation);
            self->listener_->OnConversation(conversation);
          });
        });
    Carry(attempt, [this] {
      listener_->OnHeard();
      listener_->OnWatching();
    });
  }

  void Heartbeat() {
    Carry(attempt_, [this] { listener_->OnHeard(); });
  }

  // To the agency loop, in order, as long as this attempt is the stream.
  void Carry(uint64_t attempt, std::function<void()> event) {
    if (ended_ || attempt != attempt_ || !IsOpen()) return;
    parts_.line->CarryInOrder(
        &previous_, [weak = weak_from_this(), attempt, event] {
          const auto self = weak.lock();
          if (self == nullptr || self->ended_ || attempt != self->attempt_) {
            return;
          }
          self->parts_.post([weak, event](Instant) {
            if (const auto still = weak.lock()) event();
          });
        });
  }

  // The broker learns of it some time later, if it is the same process then.
  void Drop() {
    if (!open_) return;
    open_ = false;
    ++attempt_;
    parts_.world->After(
        parts_.world->Between(absl::Milliseconds(1), absl::Seconds(60)),
        [broker = parts_.broker, life = life_, queue = queue_, id = id_] {
          if (!broker->up() || broker->life() != life) return;
          queue.empty() ? broker->EndWatch(id) : broker->EndPull(queue, id);
        });
  }

  const Parts parts_;
  ExchangeListener* const listener_;
  const std::string queue_;
  bool ended_ = false;
  bool open_ = false;
  uint64_t attempt_ = 0;
  uint64_t id_ = 0;
  uint64_t life_ = 0;
  uint64_t epoch_ = 0;
  absl::Duration previous_;
  absl::Duration delay_ = kFirstRetryDelay;
};

SimLink::SimLink(Parts parts) : parts_(std::move(parts)) {}

SimLink::~SimLink() {
  for (const std::shared_ptr<Stream>& stream : streams_) stream->End();
}

void SimLink::Listen(ExchangeListener* listener,
                     std::vector<std::string> queues) {
  listener_ = listener;
  queues.push_back("");  // The watch.
  for (std::string& queue : queues) {
    streams_.push_back(std::make_shared<Stream>(this, std::move(queue)));
    streams_.back()->Tick();
  }
}

// --- Calls.

template <typename Response>
void SimLink::Call(std::function<void(Done<Response>)> serve,
                   Callback<Response> done) {
  if (parts_.silent()) return;
  auto answered = std::make_shared<bool>(false);
  const auto finish = [this, alive = std::weak_ptr<char>(alive_), answered,
                       done](absl::StatusOr<Response> result) {
    if (alive.expired() || std::exchange(*answered, true)) return;
    parts_.post([this, alive, done, result = std::move(result)](Instant) {
      if (alive.expired()) return;
      if (result.ok() && listener_ != nullptr) listener_->OnHeard();
      done(result);
    });
  };
  const auto request = [line = parts_.line, broker = parts_.broker, serve,
                        finish] {
    if (!broker->up()) return;
    serve([line, finish](absl::StatusOr<Response> result) {
      line->Carry([finish, result = std::move(result)] { finish(result); });
    });
  };
  parts_.line->Carry(request);
  if (parts_.world->Chance(kDuplicatePercent)) parts_.line->Carry(request);
  parts_.world->After(kCallDeadline, [finish] {
    finish(absl::DeadlineExceededError("no answer in time"));
  });
}

void SimLink::Publish(v1::PublishRequest request,
                      Callback<v1::PublishResponse> done) {
  Call<v1::PublishResponse>(
      [broker = parts_.broker, identity = parts_.identity,
       request = std::move(request)](Done<v1::PublishResponse> reply) {
        broker->Publish(identity, request, std::move(reply));
      },
      std::move(done));
}

void SimLink::GetConversation(v1::GetConversationRequest request,
                              Callback<v1::GetConversationResponse> done) {
  parts_.world->Note(parts_.consumer,
                     absl::StrCat("looks up ", request.conversation_id()));
  Call<v1::GetConversationResponse>(
      [broker = parts_.broker, identity = parts_.identity,
       request = std::move(request)](Done<v1::GetConversationResponse> reply) {
        reply(broker->GetConversation(identity, request.conversation_id()));
      },
      [see = parts_.on_conversation, done = std::move(done)](
          absl::StatusOr<v1::GetConversationResponse> response) {
        if (response.ok()) see(response->conversation());
        done(std::move(response));
      });
}

void SimLink::RecordFirstRead(v1::RecordFirstReadRequest request,
                              Callback<v1::RecordFirstReadResponse> done) {
  Call<v1::RecordFirstReadResponse>(
      [broker = parts_.broker, identity = parts_.identity,
       request = std::move(request)](Done<v1::RecordFirstReadResponse> reply) {
        broker->RecordFirstRead(identity, request, std::move(reply));
      },
      std::move(done));
}

void SimLink::Acknowledge(const std::string& queue,
                          std::vector<std::string> ack_ids) {
  Call<v1::AcknowledgeResponse>(
      [broker = parts_.broker, identity = parts_.identity, queue,
       ack_ids = std::move(ack_ids)](Done<v1::AcknowledgeResponse> reply) {
        broker->Acknowledge(identity, queue, ack_ids, std::move(reply));
      },
      [](absl::StatusOr<v1::AcknowledgeResponse>) {});
}

}  // namespace baton::sim
