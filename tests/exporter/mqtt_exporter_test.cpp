#include "stream_infer/exporter/mqtt_exporter.hpp"

#include "exporter/certificate.hpp"
#include "exporter/mqtt_server.hpp"
#include "stream_infer/exporter/exporter.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/process.hpp"
#include "support/refusal_of.hpp"
#include "support/sanitizers.hpp"
#include "support/stopwatch.hpp"
#include "support/tcp_server.hpp"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = si::StoreError::Kind;
using test::error_of;
using test::eventually;
using test::refusal_of;

namespace {

si::Record<int> record(std::uint64_t frame_index, const std::string& source = "cam") {
  return {.time = frame_index * 40ms,
          .frame_index = frame_index,
          .algo = si::Name{"count"},
          .value = 1,
          .source = {si::Name{source}, {}}};
}

std::vector<si::StoredRecord> records(std::uint64_t begin, std::uint64_t end) {
  std::vector<si::StoredRecord> all;
  for (std::uint64_t i = begin; i < end; ++i) all.push_back(si::to_stored(record(i)));
  return all;
}

si::MqttOptions options(const test::MqttServer& server) {
  return {.port = static_cast<std::uint16_t>(server.port()), .timeout = 2s};
}

/// The options, changed.
template <class Change>
si::MqttOptions with(si::MqttOptions changed, Change change) {
  change(changed);
  return changed;
}

}  // namespace

static_assert(si::Exporter<si::MqttExporter, int, std::string>);
static_assert(!si::Exporter<si::MqttExporter, std::thread>);

TEST_CASE("Records are messages", "[exporter][mqtt]") {
  if (!test::has_mqtt_server()) return;
  for (const si::MqttVersion version : {si::MqttVersion::v5, si::MqttVersion::v311}) {
    const test::MqttServer server;
    test::MqttSubscriber subscriber{server.port()};
    si::MqttExporter exporter{with(options(server), [&](auto& o) { o.version = version; })};
    exporter.collect(record(29));
    exporter.collect(record(30, "$rtsp://***@cam/1+#\n"));
    REQUIRE(eventually([&] { return subscriber.messages().size() == 2; }));
    const auto messages = subscriber.messages();
    CHECK(messages[0].first == "results/count/cam");
    CHECK(messages[0].second == si::to_json_text(si::to_stored(record(29))));
    CHECK(messages[1].first == "results/count/_rtsp:__***@cam_1___");
    exporter.write(records(0, 1500));
    exporter.write({});
    CHECK(eventually([&] { return subscriber.messages().size() == 1502; }));
    CHECK(subscriber.records().size() == 1501);  // one twice
  }
}

TEST_CASE("Large batches, and large records, arrive", "[exporter][mqtt]") {
  if (!test::has_mqtt_server()) return;
  const test::MqttServer server;
  test::MqttSubscriber subscriber{server.port()};
  auto exporter = si::MqttExporter{options(server)};
  auto moved = std::move(exporter);
  std::vector<si::StoredRecord> large = records(0, 10);
  for (si::StoredRecord& one : large) one.value = '"' + std::string(700'000, 'x') + '"';
  moved.write(large);
  CHECK(eventually([&] { return subscriber.records().size() == 10; }));
}

TEST_CASE("The broker keeps the last message if it is asked to", "[exporter][mqtt]") {
  if (!test::has_mqtt_server()) return;
  const test::MqttServer server;
  si::MqttExporter exporter{with(options(server), [](auto& o) { o.retain = true, o.topic = "last"; })};
  exporter.write(records(0, 3));
  test::MqttSubscriber late{server.port()};
  CHECK(eventually([&] { return late.messages().size() == 1; }));
  CHECK(late.records().count(si::record_key(records(2, 3)[0])) == 1);
}

TEST_CASE("The broker says the will of who is gone without a word, and of nobody else", "[exporter][mqtt]") {
  if (!test::has_mqtt_server() || test::has_thread_sanitizer) return;  // that one does not follow a fork
  const test::MqttServer server;
  const si::MqttOptions willing =
      with(options(server), [](auto& o) { o.will = si::MqttWill{.topic = "gone", .payload = "cam"}; });
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    si::MqttExporter exporter{willing};
    exporter.collect(record(1));
    ::raise(SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  {
    test::MqttSubscriber subscriber{server.port()};
    CHECK(eventually([&] { return subscriber.messages().size() == 1; }));
    CHECK(subscriber.messages()[0] == std::pair<std::string, std::string>{"gone", "cam"});
  }
  const test::MqttServer other;
  test::MqttSubscriber subscriber{other.port()};
  {
    const si::MqttExporter exporter{with(willing, [&](auto& o) { o.port = static_cast<std::uint16_t>(other.port()); })};
  }
  si::MqttExporter{options(other)}.collect(record(1));
  CHECK(eventually([&] { return !subscriber.messages().empty(); }));
  CHECK(subscriber.messages()[0].first == "results/count/cam");
}

TEST_CASE("A broker that is not there yet is looked for, and one that was lost", "[exporter][mqtt]") {
  if (!test::has_mqtt_server()) return;
  struct sigaction before {};
  ::sigaction(SIGPIPE, nullptr, &before);
  REQUIRE(before.sa_handler == SIG_DFL);
  test::MqttServer server{{}, false};
  si::MqttExporter exporter{options(server)};
  const si::StoreError absent = refusal_of([&] { exporter.collect(record(0)); });
  CHECK(absent.kind() == Kind::retry);
  CHECK(absent.source() == "mqtt://127.0.0.1:" + std::to_string(server.port()));
  server.start();
  test::MqttSubscriber subscriber{server.port()};
  exporter.collect(record(0));
  CHECK(eventually([&] { return subscriber.records().size() == 1; }));
  for (std::uint64_t round = 1; round < 4; ++round) {
    server.kill();
    CHECK(refusal_of([&] { exporter.collect(record(round)); }).kind() == Kind::retry);
    server.start();
    subscriber.wait();
    exporter.collect(record(round));
    CHECK(eventually([&] { return subscriber.records().size() == round + 1; }));
  }
}

TEST_CASE("A broker that does not answer is given up in time, and leaves nothing behind", "[exporter][mqtt]") {
  if (!test::has_mqtt_server()) return;
  test::MqttServer server;
  test::MqttSubscriber subscriber{server.port()};
  si::MqttExporter exporter{with(options(server), [](auto& o) { o.timeout = 300ms; })};
  exporter.collect(record(0));
  server.child().freeze();
  const auto fails = [&] {
    const test::Stopwatch stopwatch;
    const si::StoreError error = refusal_of([&] { exporter.write(records(1, 100)); });
    CHECK(error.code() == std::errc::timed_out);
    CHECK_THAT(error.reason(), ContainsSubstring("MqttOptions::timeout"));
    CHECK(stopwatch.elapsed() < 1500ms);
  };
  fails();
  fails();
  const std::size_t threads = test::count_threads(), descriptors = test::count_descriptors(),
                    memory = test::resident_memory();
  for (int i = 0; i < 5; ++i) fails();
  CHECK(test::count_threads() <= threads);
  CHECK(test::count_descriptors() <= descriptors);
  if (test::measures_memory) CHECK(test::resident_memory() < memory + 5'000'000);
  server.child().signal(SIGCONT);
  exporter.write(records(1, 100));
  CHECK(eventually([&] { return subscriber.records().size() == 100; }));
}

TEST_CASE("A topic that we may not publish to is said by version 5", "[exporter][mqtt]") {
  if (!test::has_mqtt_server()) return;
  test::MqttServer server{"acl_file FOLDERacl\n", false};
  const std::string rules = "topic read #\ntopic write mine/#\n";
  static_cast<void>(server.folder().file("acl", test::Bytes{rules.begin(), rules.end()}));
  server.start();
  si::MqttExporter exporter{options(server)};
  const si::StoreError error = refusal_of([&] { exporter.collect(record(1)); });
  CHECK(error.kind() == Kind::retry);
  CHECK_THAT(error.reason(), ContainsSubstring("MqttOptions::topic: "));
  si::MqttExporter{with(options(server), [](auto& o) { o.topic = "mine/{algorithm}"; })}.collect(record(1));
}

TEST_CASE("A message that is too large for the broker is refused for good", "[exporter][mqtt]") {
  if (!test::has_mqtt_server()) return;
  const test::MqttServer server{"message_size_limit 1000\n"};
  si::MqttExporter exporter{options(server)};
  std::vector<si::StoredRecord> large = records(0, 1);
  large[0].value = '"' + std::string(5000, 'x') + '"';
  CHECK(refusal_of([&] { exporter.write(large); }).kind() == Kind::poison);
  exporter.collect(record(1));
}

TEST_CASE("The broker's certificate is checked", "[exporter][mqtt]") {
  if (!test::has_mqtt_server()) return;
  test::MqttServer server{"certfile FOLDERcertificate.pem\nkeyfile FOLDERkey.pem\n", false};
  const test::Certificate certificate{server.folder(), "DNS:localhost"};
  server.start();
  const auto encrypted = [&](const std::string& host, const si::Tls& tls) {
    return with(options(server), [&](auto& o) { o.host = host, o.tls = tls; });
  };
  si::MqttExporter{encrypted("localhost", {.ca_file = certificate.file})}.collect(record(1));
  si::MqttExporter{encrypted("127.0.0.1", {.verify = false})}.collect(record(2));
  for (const auto& wrong : {encrypted("localhost", {}), encrypted("127.0.0.1", {.ca_file = certificate.file}),
                            encrypted("localhost", {.ca_file = "/nowhere.pem"})}) {
    const si::Error error = error_of([&] { si::MqttExporter{wrong}; });
    CHECK_THAT(error.what(), ContainsSubstring("MqttOptions::tls"));
    CHECK(error.source().starts_with("mqtts://"));
  }
}

TEST_CASE("Wrong options of MqttExporter are errors at once, and say which", "[exporter][mqtt]") {
  if (!test::has_mqtt_server()) return;
  test::MqttServer server{"allow_anonymous false\npassword_file FOLDERusers\n", false};
  const std::string make = "mosquitto_passwd -b -c " + (server.folder() / "users") + " cam 'a secret' >/dev/null 2>&1";
  REQUIRE(std::system(make.c_str()) == 0);
  server.start();
  const si::MqttOptions right = with(options(server), [](auto& o) { o.user = "cam", o.password = "a secret"; });
  const auto what = [&](auto change) {
    const si::MqttOptions wrong = with(right, change);
    const std::string text = error_of([&] { si::MqttExporter{wrong}; }).what();
    CHECK(text.find("a secret") == std::string::npos);
    CHECK(text.find("hunter2") == std::string::npos);
    return text;
  };
  si::MqttExporter{right}.collect(record(1));
  for (const si::MqttVersion version : {si::MqttVersion::v5, si::MqttVersion::v311}) {
    CHECK_THAT(what([&](auto& o) { o.password = "hunter2", o.version = version; }),
               ContainsSubstring("MqttOptions::user or ::password: "));
    CHECK_THAT(what([&](auto& o) { o.user = "", o.password = "", o.version = version; }),
               ContainsSubstring("MqttOptions::user or ::password: "));
  }
  CHECK_THAT(what([](auto& o) { o.user = ""; }), ContainsSubstring("MqttOptions::user"));
  CHECK_THAT(what([](auto& o) { o.host = "mqtt://cam:hunter2@a"; }), ContainsSubstring("MqttOptions::host"));
  CHECK_THAT(what([](auto& o) { o.port = 0; }), ContainsSubstring("MqttOptions::host"));
  CHECK_THAT(what([](auto& o) { o.timeout = 0s; }), ContainsSubstring("MqttOptions::timeout"));
  for (const char* const topic : {"", "results/#", "a/+/b", "{algo}", "a\nb"})
    CHECK_THAT(what([&](auto& o) { o.topic = topic; }), ContainsSubstring("MqttOptions::topic"));
  for (const char* const topic : {"", "#"})
    CHECK_THAT(what([&](auto& o) { o.will = si::MqttWill{.topic = topic}; }), ContainsSubstring("MqttWill::topic"));

  const test::TcpServer old{[](test::TcpServer::Client& client) {  // knows 3.1.1 only
    static_cast<void>(client.receive(10));
    client.send(std::string{'\x20', '\x02', '\0', '\x01'});
    client.say_nothing();
  }};
  CHECK_THAT(what([&](auto& o) { o.port = static_cast<std::uint16_t>(old.port()), o.version = si::MqttVersion::v311; }),
             ContainsSubstring("MqttOptions::version"));
}
