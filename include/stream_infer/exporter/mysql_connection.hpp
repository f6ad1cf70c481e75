#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/exporter/no_sigpipe.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/secret.hpp"
#include "stream_infer/exporter/tls.hpp"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <poll.h>

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>

namespace stream_infer::detail {

inline void close_mysql(MYSQL* connection) noexcept {
  const NoSigpipe no_sigpipe;  // it says goodbye
  mysql_close(connection);
}
inline void close_mysql_statement(MYSQL_STMT* statement) noexcept {
  const NoSigpipe no_sigpipe;
  mysql_stmt_close(statement);
}
inline void free_mysql_result(MYSQL_RES* result) noexcept { mysql_free_result(result); }
using MySqlStatement = Handle<MYSQL_STMT, close_mysql_statement>;

/// What the server, or the client library, does not do, by its number.
class MySqlError : public StoreError {
 public:
  MySqlError(unsigned number, std::string_view state, std::string_view address, const std::string& reason)
      : StoreError{kind_of(number, state), std::make_error_code(std::errc::io_error), address,
                   "MySQL: " + reason + " (" + std::to_string(number) + ')'},
        number_{number} {}

  [[nodiscard]] unsigned number() const noexcept { return number_; }

  /// Whether there is no connection any more.
  [[nodiscard]] bool is_lost() const noexcept {
    constexpr unsigned idle_for_too_long = 4031;  // MySQL says so
    return number_ == CR_SERVER_GONE_ERROR || number_ == CR_SERVER_LOST || number_ == ER_CONNECTION_KILLED ||
           number_ == ER_SERVER_SHUTDOWN || number_ == CR_SSL_CONNECTION_ERROR || number_ == idle_for_too_long;
  }

 private:
  [[nodiscard]] static Kind kind_of(unsigned number, std::string_view state) {
    constexpr unsigned mysql_check_failed = 3819;
    const bool is_wrong_data = state.starts_with("22") || state.starts_with("23");  // as SQL's standard has them
    const bool is_refused_by_trigger = state.starts_with("45");
    switch (number) {
      case ER_NET_PACKET_TOO_LARGE:
      case CR_NET_PACKET_TOO_LARGE:
      case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
      case WARN_DATA_TRUNCATED:
      case ER_TOO_BIG_ROWSIZE:
      case mysql_check_failed: return Kind::poison;
      default: return is_wrong_data || is_refused_by_trigger ? Kind::poison : Kind::retry;
    }
  }

  unsigned number_;
};

/// While the client library is called. Its own time limit begins anew with each byte; this one is for a whole answer.
class MySqlCall {
 public:
  MySqlCall() { answer_by() = {}; }

  /// What the library waits with. Returns more than 0 if the socket is ready.
  static int wait(my_socket socket, my_bool reads, int milliseconds) {
    using Clock = std::chrono::steady_clock;
    std::optional<Clock::time_point>& by = answer_by();
    if (reads == 0 || !by) by = Clock::now() + std::chrono::milliseconds{milliseconds};
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*by - Clock::now()).count();
      pollfd ready{socket, static_cast<short>(reads != 0 ? POLLIN : POLLOUT), 0};
      const int count = left > 0 ? ::poll(&ready, 1, static_cast<int>(left)) : 0;
      if (count < 0 && errno == EINTR) continue;
      if (count == 0) errno = ETIMEDOUT;
      if (reads == 0) by = {};
      return count;
    }
  }

 private:
  [[nodiscard]] static std::optional<std::chrono::steady_clock::time_point>& answer_by() {
    static thread_local std::optional<std::chrono::steady_clock::time_point> at;
    return at;
  }

  NoSigpipe no_sigpipe_;
};

/// Where a server is, and what it wants to know.
struct MySqlLogin {
  std::string host{};
  std::uint16_t port = 0;
  std::string user{};
  Secret password{};
  std::string database{};
  std::optional<Tls> tls{};
  unsigned seconds = 0;   ///< for each step: connecting, and each time that it is silent
  std::string address{};  ///< for errors
};

/// A connection to a MySQL or MariaDB server, as much of MariaDB Connector/C as a store needs. One thread at a time.
class MySqlConnection {
 public:
  /// \throws MySqlError
  explicit MySqlConnection(const MySqlLogin& login) : address_{login.address}, user_{login.user} {
    static const bool is_ready = mysql_library_init(0, nullptr, nullptr) == 0;  // by one thread
    const MySqlCall call;
    connection_.reset(is_ready ? mysql_init(nullptr) : nullptr);
    if (!connection_)
      throw MySqlError{CR_OUT_OF_MEMORY, "HY000", login.address, "the client library cannot be initialised"};
    set_options(login);
    const auto began = std::chrono::steady_clock::now();
    if (mysql_real_connect(connection_.get(), login.host.c_str(), login.user.c_str(), login.password.reveal().c_str(),
                           login.database.c_str(), login.port, nullptr, 0) == nullptr) {
      const bool was_silent = std::chrono::steady_clock::now() - began > std::chrono::milliseconds{900} * login.seconds;
      if (mysql_errno(connection_.get()) != CR_SSL_CONNECTION_ERROR || !was_silent) fail();
      fail(CR_SERVER_LOST, "HY000", mysql_error(connection_.get()));  // no fault of the encryption's
    }
    const bool is_encrypted = mysql_get_ssl_cipher(connection_.get()) != nullptr;
    if (login.tls && !is_encrypted)  // the library tolerates that where nothing is verified
      fail(CR_SSL_CONNECTION_ERROR, "HY000", "the server does not encrypt");
  }

  /// Runs a statement that gives no rows. \throws MySqlError
  void run(const std::string& sql) {
    const MySqlCall call;
    if (mysql_real_query(connection_.get(), sql.data(), sql.size()) != 0) fail();
  }

  /// The number that a query gives. \throws MySqlError
  [[nodiscard]] std::uint64_t number(const std::string& query) {
    run(query);
    const MySqlCall call;
    const Handle<MYSQL_RES, free_mysql_result> result{mysql_store_result(connection_.get())};
    const MYSQL_ROW row = result ? mysql_fetch_row(result.get()) : nullptr;
    if (row == nullptr || row[0] == nullptr) fail();
    return std::strtoull(row[0], nullptr, 10);
  }

  [[nodiscard]] MySqlStatement prepare(const std::string& sql) {
    const MySqlCall call;
    MySqlStatement statement{mysql_stmt_init(connection_.get())};
    if (!statement) fail();
    if (mysql_stmt_prepare(statement.get(), sql.data(), sql.size()) != 0) fail(*statement);
    return statement;
  }

  /// Runs a statement that gives no rows. \param values  one for each '?' in it
  void execute(MYSQL_STMT& statement, std::span<MYSQL_BIND> values) {
    const MySqlCall call;
    if (mysql_stmt_bind_param(&statement, values.data()) != 0 || mysql_stmt_execute(&statement) != 0) fail(statement);
  }

 private:
  void set_options(const MySqlLogin& login) {
    const auto set = [this](mysql_option option, const auto& value) {
      mysql_options(connection_.get(), option, &value);
    };
    const my_bool yes = 1, no = 0;
    const unsigned tcp = MYSQL_PROTOCOL_TCP;  // also for "localhost", which would be a file otherwise
    set(MYSQL_OPT_PROTOCOL, tcp);
    set(MYSQL_OPT_CONNECT_TIMEOUT, login.seconds);
    set(MYSQL_OPT_READ_TIMEOUT, login.seconds);
    set(MYSQL_OPT_WRITE_TIMEOUT, login.seconds);
    mysql_options(connection_.get(), MARIADB_OPT_IO_WAIT, reinterpret_cast<const void*>(&MySqlCall::wait));
    set(MYSQL_OPT_RECONNECT, no);
    const unsigned no_files = 0;  // the server may not ask for files of this machine
    set(MYSQL_OPT_LOCAL_INFILE, no_files);
    mysql_options(connection_.get(), MYSQL_SET_CHARSET_NAME, "utf8mb4");
    const bool encrypts = login.tls.has_value();
    set(MYSQL_OPT_SSL_ENFORCE, encrypts ? yes : no);
    set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, encrypts && login.tls->verify ? yes : no);
    if (encrypts && !login.tls->ca_file.empty())
      mysql_options(connection_.get(), MYSQL_OPT_SSL_CA, login.tls->ca_file.c_str());
  }

  [[noreturn]] void fail() const {
    fail(mysql_errno(connection_.get()), mysql_sqlstate(connection_.get()), mysql_error(connection_.get()));
  }
  [[noreturn]] void fail(MYSQL_STMT& statement) const {
    if (mysql_stmt_errno(&statement) == 0) fail();
    fail(mysql_stmt_errno(&statement), mysql_stmt_sqlstate(&statement), mysql_stmt_error(&statement));
  }
  /// \param reason  servers put the user's name in it: it is left out
  [[noreturn]] void fail(unsigned number, std::string_view state, std::string reason) const {
    const std::string user = '\'' + user_ + "'@";
    for (std::size_t at = 0; (at = reason.find(user)) != std::string::npos;)
      reason.replace(at, user.size(), "'***' at ");
    throw MySqlError{number, state, address_, reason};
  }

  std::string address_, user_;
  Handle<MYSQL, close_mysql> connection_;
};

/// What it is given must stay as it is until the statement has been run.
inline void bind_value(MYSQL_BIND& to, std::string_view text) {
  to.buffer_type = MYSQL_TYPE_STRING;
  to.buffer = const_cast<char*>(text.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast): it is only read
  to.buffer_length = text.size();
}
inline void bind_value(MYSQL_BIND& to, std::int64_t& number) {
  to.buffer_type = MYSQL_TYPE_LONGLONG;
  to.buffer = &number;
}
inline void bind_value(MYSQL_BIND& to, std::uint64_t& number) {
  to.buffer_type = MYSQL_TYPE_LONGLONG;
  to.buffer = &number;
  to.is_unsigned = 1;
}

}  // namespace stream_infer::detail
