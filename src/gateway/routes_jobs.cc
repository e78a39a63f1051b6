// Background jobs and their events.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "base/strings.h"
#include "gateway/routes.h"

namespace lakehouse::gateway {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(200);
// A comment keeps connections through proxies alive and finds out that a client is gone.
constexpr int kPollsPerHeartbeat = 50;

// One of the streams that may be open at the same time. Each holds a worker, so only half of the
// workers may watch.
class StreamSlot {
 public:
  static Result<std::shared_ptr<StreamSlot>> Take(std::atomic<int>& open, int64_t worker_threads) {
    const int limit = static_cast<int>(std::max<int64_t>(1, worker_threads / 2));
    if (open.fetch_add(1) >= limit) {
      open.fetch_sub(1);
      return Unavailable("too many event streams are open; poll the job instead: at most ", limit);
    }
    return std::shared_ptr<StreamSlot>(new StreamSlot(open));
  }
  ~StreamSlot() { open_.fetch_sub(1); }
  StreamSlot(const StreamSlot&) = delete;
  StreamSlot& operator=(const StreamSlot&) = delete;

 private:
  explicit StreamSlot(std::atomic<int>& open) : open_(open) {}
  std::atomic<int>& open_;
};

Result<search::JobInfo> FindJob(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const JobId id, JobId::Parse(request.path_params.at("id")));
  return services.search->GetJob(id);
}

Answer ListJobs(const Services& services, const net::Request& request) {
  std::vector<search::JobInfo> jobs = services.search->ListJobs();
  // Ids are ordered by time, so newest first is also a stable order for pages.
  std::sort(jobs.begin(), jobs.end(), [](const auto& a, const auto& b) { return b.id < a.id; });
  ASSIGN_OR_RETURN(const Json page,
                   PageOf<search::JobInfo>(
                       request, jobs, [](const search::JobInfo& job) { return job.id.str(); },
                       search::JobToJson, /*descending=*/true));
  return JsonResponse(page);
}

Answer CancelJob(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const JobId id, JobId::Parse(request.path_params.at("id")));
  TRY(services.search->CancelJob(id));
  ASSIGN_OR_RETURN(const search::JobInfo job, services.search->GetJob(id));
  return JsonResponse(search::JobToJson(job), 202);
}

// Writes an event for every change until the job has ended, the client left or the server stops.
Status WriteEvents(const Services& services, const JobId& id, const CancelToken& cancel,
                   const net::BodyWriter& write) {
  std::string last;
  for (int polls = 0;; ++polls) {
    ASSIGN_OR_RETURN(const search::JobInfo job, services.search->GetJob(id));
    std::string now = DumpJson(search::JobToJson(job));
    const bool ended = search::HasEnded(job.state);
    if (now != last) {
      TRY(write(StrCat("event: ", ended ? "end" : "progress", "\ndata: ", now, "\n\n")));
      last = std::move(now);
    } else if (polls % kPollsPerHeartbeat == 0) {
      TRY(write(": still there\n\n"));
    }
    if (ended || cancel.stopped() || (services.draining && services.draining())) return OkStatus();
    std::this_thread::sleep_for(kPollInterval);
  }
}

Answer StreamEvents(const Services& services, std::atomic<int>& open, const net::Request& request) {
  ASSIGN_OR_RETURN(const search::JobInfo job, FindJob(services, request));
  ASSIGN_OR_RETURN(auto slot, StreamSlot::Take(open, services.config->server.worker_threads));
  net::Response response;
  response.headers.Set("Content-Type", "text/event-stream");
  response.stream = [&services, slot = std::move(slot), id = job.id,
                     cancel = request.cancel](const net::BodyWriter& write) {
    return WriteEvents(services, id, cancel, write);
  };
  return response;
}

}  // namespace

void AddJobRoutes(RouteContext& context, net::Router& router) {
  const Services& services = context.services;
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/vectors/jobs",
            .summary = "Lists the jobs, newest first.",
            .query = PageFields()},
           [&services](net::Request& request) { return ListJobs(services, request); });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/vectors/jobs/{id}",
            .summary = "Shows a job: state, stage, progress, rate, time left."},
           [&services](net::Request& request) -> Answer {
             ASSIGN_OR_RETURN(const search::JobInfo job, FindJob(services, request));
             return JsonResponse(search::JobToJson(job));
           });
  AddRoute(router,
           {.method = net::Method::kDelete,
            .pattern = "/vectors/jobs/{id}",
            .summary = "Asks a job to stop at its next step.",
            .success = "202"},
           [&services](net::Request& request) { return CancelJob(services, request); });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/vectors/jobs/{id}/events",
            .summary = "Streams a job's changes as server-sent events until it has ended."},
           [&services, open = std::make_shared<std::atomic<int>>(0)](net::Request& request) {
             return StreamEvents(services, *open, request);
           });
}

}  // namespace lakehouse::gateway
