SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE TYPE public.coverage_status AS ENUM (
    'complete',
    'partial',
    'missing',
    'closed',
    'failed'
);
CREATE TYPE public.ohlc_timeframe AS ENUM (
    '1m',
    '5m',
    '15m',
    '1h',
    '1d'
);
CREATE TYPE public.pivot_method AS ENUM (
    'classic',
    'fibonacci',
    'camarilla',
    'woodie',
    'demark'
);
CREATE FUNCTION public.keep_ohlc_revision() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO ohlc_revisions (ts, open, high, low, close, volume, symbol_id, timeframe, source)
    VALUES (OLD.ts, OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume, OLD.symbol_id, OLD.timeframe, OLD.source);
    RETURN NULL;
END
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.current_prices (
    symbol_id integer NOT NULL,
    trade_date date NOT NULL,
    price double precision NOT NULL,
    change double precision,
    change_percent double precision,
    session_high double precision NOT NULL,
    session_low double precision NOT NULL,
    at timestamp with time zone NOT NULL,
    source text NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
COMMENT ON COLUMN public.current_prices.trade_date IS 'the session that the price is of';
COMMENT ON COLUMN public.current_prices.price IS 'close of the newest stored minute';
COMMENT ON COLUMN public.current_prices.change IS 'price - y_close; null without levels for the session';
COMMENT ON COLUMN public.current_prices.at IS 'when that minute closed';
CREATE TABLE public.incidents (
    id bigint NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    message text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    opening_notified_at timestamp with time zone,
    closed_at timestamp with time zone,
    closing_notified_at timestamp with time zone
);
COMMENT ON COLUMN public.incidents.key IS 'what it is about; at most one of a key is open';
ALTER TABLE public.incidents ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.incidents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.level_touches (
    trade_date date NOT NULL,
    symbol_id integer NOT NULL,
    level text NOT NULL,
    level_price double precision NOT NULL,
    price double precision NOT NULL,
    at timestamp with time zone NOT NULL,
    notified_at timestamp with time zone
);
COMMENT ON COLUMN public.level_touches.level IS 'y_high, y_low, y_close, or method and level: classic r1';
COMMENT ON COLUMN public.level_touches.price IS 'close of the minute that touched it';
COMMENT ON COLUMN public.level_touches.at IS 'when that minute closed';
COMMENT ON COLUMN public.level_touches.notified_at IS 'null until somebody was notified';
CREATE TABLE public.levels_daily (
    trade_date date NOT NULL,
    symbol_id integer NOT NULL,
    y_trade_date date NOT NULL,
    y_open double precision NOT NULL,
    y_high double precision NOT NULL,
    y_low double precision NOT NULL,
    y_close double precision NOT NULL,
    prev_week_high double precision,
    prev_week_low double precision,
    atr_14 double precision,
    pivot double precision NOT NULL,
    r1 double precision NOT NULL,
    r2 double precision NOT NULL,
    r3 double precision NOT NULL,
    s1 double precision NOT NULL,
    s2 double precision NOT NULL,
    s3 double precision NOT NULL,
    computed_at timestamp with time zone NOT NULL
);
COMMENT ON COLUMN public.levels_daily.trade_date IS 'the session to trade with these levels';
COMMENT ON COLUMN public.levels_daily.y_trade_date IS 'the session they come from';
CREATE TABLE public.market_symbols (
    id integer NOT NULL,
    vendor text DEFAULT 'twelve_data'::text NOT NULL,
    symbol text NOT NULL,
    alias text,
    instrument text NOT NULL,
    calendar text NOT NULL,
    timezone text NOT NULL,
    exchange text,
    currency text NOT NULL,
    tick_size double precision NOT NULL,
    vendor_symbols jsonb DEFAULT '{}'::jsonb NOT NULL,
    price_min double precision,
    price_max double precision,
    gap_tolerance integer,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    touch_alerts boolean DEFAULT false NOT NULL,
    CONSTRAINT market_symbols_tick_size_check CHECK (((tick_size > (0)::double precision) AND (tick_size < 'Infinity'::double precision)))
);
COMMENT ON COLUMN public.market_symbols.symbol IS 'TradeMatrix''s name; the symbol half of a partition key';
COMMENT ON COLUMN public.market_symbols.alias IS 'what a person calls it';
COMMENT ON COLUMN public.market_symbols.calendar IS 'session calendar, e.g. XETR or FX';
COMMENT ON COLUMN public.market_symbols.timezone IS 'IANA zone of the calendar';
COMMENT ON COLUMN public.market_symbols.gap_tolerance IS 'minutes without a bar in a complete session; null = none';
COMMENT ON COLUMN public.market_symbols.touch_alerts IS 'tell of levels that the price touches';
ALTER TABLE public.market_symbols ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.market_symbols_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.ohlc (
    ts timestamp with time zone NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision,
    symbol_id integer NOT NULL,
    timeframe public.ohlc_timeframe NOT NULL,
    source text NOT NULL,
    CONSTRAINT ohlc_bounds_check CHECK (((high >= open) AND (high >= close) AND (low <= open) AND (low <= close))),
    CONSTRAINT ohlc_finite_check CHECK (((low > (0)::double precision) AND (high < 'Infinity'::double precision) AND (open < 'Infinity'::double precision) AND (close < 'Infinity'::double precision) AND (low < 'Infinity'::double precision))),
    CONSTRAINT ohlc_volume_check CHECK (((volume >= (0)::double precision) AND (volume < 'Infinity'::double precision)))
);
COMMENT ON COLUMN public.ohlc.ts IS 'bar open';
COMMENT ON COLUMN public.ohlc.volume IS 'null where the vendor gives none';
COMMENT ON COLUMN public.ohlc.source IS 'vendor that served it';
CREATE TABLE public.ohlc_revisions (
    id bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision,
    symbol_id integer NOT NULL,
    timeframe public.ohlc_timeframe NOT NULL,
    source text NOT NULL,
    revised_at timestamp with time zone DEFAULT now() NOT NULL,
    withdrawn boolean DEFAULT false NOT NULL
);
COMMENT ON COLUMN public.ohlc_revisions.revised_at IS 'when these values were replaced';
COMMENT ON COLUMN public.ohlc_revisions.withdrawn IS 'the vendor no longer has the candle at all';
ALTER TABLE public.ohlc_revisions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.ohlc_revisions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.pivot_levels (
    trade_date date NOT NULL,
    symbol_id integer NOT NULL,
    method public.pivot_method NOT NULL,
    pp double precision NOT NULL,
    r1 double precision,
    r2 double precision,
    r3 double precision,
    r4 double precision,
    r5 double precision,
    s1 double precision,
    s2 double precision,
    s3 double precision,
    s4 double precision,
    s5 double precision,
    computed_at timestamp with time zone NOT NULL
);
CREATE TABLE public.rejected_candles (
    id bigint NOT NULL,
    symbol_id integer NOT NULL,
    timeframe public.ohlc_timeframe NOT NULL,
    ts timestamp with time zone,
    open double precision,
    high double precision,
    low double precision,
    close double precision,
    volume double precision,
    reason text NOT NULL,
    source text NOT NULL,
    rejected_at timestamp with time zone NOT NULL
);
COMMENT ON COLUMN public.rejected_candles.ts IS 'null where the vendor''s could not be read';
ALTER TABLE public.rejected_candles ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rejected_candles_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.run_requests (
    symbol_id integer NOT NULL,
    asset text NOT NULL,
    trade_date date NOT NULL,
    requested_at timestamp with time zone NOT NULL
);
COMMENT ON COLUMN public.run_requests.asset IS 'a candle asset, or levels';
COMMENT ON COLUMN public.run_requests.requested_at IS 'when a run for it was last requested';
CREATE TABLE public.session_coverage (
    symbol_id integer NOT NULL,
    timeframe public.ohlc_timeframe NOT NULL,
    trade_date date NOT NULL,
    status public.coverage_status NOT NULL,
    final boolean NOT NULL,
    expected integer NOT NULL,
    received integer NOT NULL,
    rejected integer NOT NULL,
    outside integer NOT NULL,
    longest_gap integer NOT NULL,
    source text,
    opens_at timestamp with time zone,
    closes_at timestamp with time zone,
    attempts integer NOT NULL,
    last_error text,
    retry_at timestamp with time zone,
    checked_at timestamp with time zone NOT NULL,
    transient boolean DEFAULT false NOT NULL
);
COMMENT ON COLUMN public.session_coverage.final IS 'the session was over when this was found';
COMMENT ON COLUMN public.session_coverage.outside IS 'bars dropped because they lay outside the session';
COMMENT ON COLUMN public.session_coverage.longest_gap IS 'minutes';
COMMENT ON COLUMN public.session_coverage.opens_at IS 'null on a closed day';
COMMENT ON COLUMN public.session_coverage.retry_at IS 'when asking again helps, where the failure knew';
COMMENT ON COLUMN public.session_coverage.transient IS 'asking again within minutes may help';
CREATE TABLE public.vendor_credits (
    id bigint NOT NULL,
    vendor text NOT NULL,
    reserved_at timestamp with time zone NOT NULL,
    credits integer NOT NULL,
    purpose text NOT NULL,
    settled boolean NOT NULL,
    CONSTRAINT vendor_credits_credits_check CHECK ((credits >= 0))
);
COMMENT ON COLUMN public.vendor_credits.reserved_at IS 'when booked; once settled, when the answer came';
COMMENT ON COLUMN public.vendor_credits.credits IS 'reserved, then corrected from the answer';
ALTER TABLE public.vendor_credits ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.vendor_credits_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
INSERT INTO public.alembic_version VALUES
	('0005');
INSERT INTO public.levels_daily VALUES
	('2026-11-19', 1, '2026-11-18', 24957.54, 25243.59, 24940.1, 25100.96, NULL, NULL, NULL, 25094.88333333333, 25249.666666666664, 25398.373333333333, 25553.156666666666, 24946.176666666663, 24791.39333333333, 24642.68666666666, '2026-11-28 15:09:11.31633+00'),
	('2026-11-20', 1, '2026-11-19', 25097.97, 25155.54, 24927.62, 25155.54, NULL, NULL, NULL, 25079.56666666667, 25231.51333333334, 25307.48666666667, 25459.43333333334, 25003.593333333338, 24851.646666666667, 24775.673333333336, '2026-11-28 15:09:11.31633+00'),
	('2026-11-23', 1, '2026-11-20', 25158.94, 25225.43, 25019.38, 25204.57, NULL, NULL, NULL, 25149.793333333335, 25280.20666666667, 25355.843333333334, 25486.256666666668, 25074.15666666667, 24943.743333333336, 24868.10666666667, '2026-11-28 15:09:11.31633+00'),
	('2026-11-19', 4, '2026-11-18', 1.12563, 1.1284, 1.12262, 1.12468, NULL, NULL, NULL, 1.1252333333333333, 1.1278466666666667, 1.1310133333333334, 1.1336266666666668, 1.1220666666666665, 1.1194533333333332, 1.1162866666666664, '2026-11-28 15:09:15.8879+00'),
	('2026-11-20', 4, '2026-11-19', 1.12483, 1.13234, 1.12453, 1.1283, NULL, NULL, NULL, 1.1283900000000002, 1.1322500000000004, 1.1362, 1.1400600000000003, 1.1244400000000006, 1.1205800000000004, 1.1166300000000007, '2026-11-28 15:09:15.8879+00'),
	('2026-11-23', 4, '2026-11-20', 1.12846, 1.13106, 1.12578, 1.12664, NULL, NULL, NULL, 1.1278266666666668, 1.1298733333333335, 1.1331066666666667, 1.1351533333333335, 1.1245933333333336, 1.1225466666666668, 1.1193133333333336, '2026-11-28 15:09:15.8879+00');
INSERT INTO public.market_symbols VALUES
	(1, 'twelve_data', 'DAX', 'DAX 40', 'index', 'XETR', 'Europe/Berlin', 'XETR', 'EUR', 0.5, '{"yahoo": "^GDAXI", "twelve_data": "GDAXI"}', 2000, 200000, NULL, true, '2026-11-28 15:08:59.42425+00', false),
	(2, 'twelve_data', 'NDX', 'Nasdaq 100', 'index', 'XNYS', 'America/New_York', 'NASDAQ', 'USD', 0.25, '{"yahoo": "^NDX"}', 1000, 200000, NULL, true, '2026-11-28 15:08:59.42425+00', false),
	(3, 'twelve_data', 'DJI', 'Dow Jones Industrial Average', 'index', 'XNYS', 'America/New_York', 'NYSE', 'USD', 1, '{"yahoo": "^DJI"}', 5000, 400000, NULL, true, '2026-11-28 15:08:59.42425+00', false),
	(4, 'twelve_data', 'EUR/USD', 'Euro / US Dollar', 'forex', 'FX', 'America/New_York', NULL, 'USD', 0.0001, '{"yahoo": "EURUSD=X"}', 0.5, 2.5, 15, true, '2026-11-28 15:08:59.42425+00', false),
	(5, 'twelve_data', 'XAG/USD', 'Silver / US Dollar', 'metal', 'FX', 'America/New_York', NULL, 'USD', 0.01, '{"yahoo": "SI=F"}', 2, 1000, 75, true, '2026-11-28 15:08:59.42425+00', false);
INSERT INTO public.ohlc VALUES
	('2026-11-18 08:00:00+00', 24957.54, 25031.34, 24944.16, 25002.97, 9945563, 1, '1h', 'simulator'),
	('2026-11-18 09:00:00+00', 24994.53, 25082.74, 24940.1, 25082.74, 9998247, 1, '1h', 'simulator'),
	('2026-11-18 10:00:00+00', 25082.52, 25232.06, 25067.37, 25134.91, 10782791, 1, '1h', 'simulator'),
	('2026-11-18 11:00:00+00', 25130.22, 25210.23, 25125.91, 25185.18, 9903766, 1, '1h', 'simulator'),
	('2026-11-18 12:00:00+00', 25188.1, 25215.32, 25119.42, 25189.75, 10409372, 1, '1h', 'simulator'),
	('2026-11-18 13:00:00+00', 25191.01, 25243.59, 25158.43, 25181.86, 11006612, 1, '1h', 'simulator'),
	('2026-11-18 14:00:00+00', 25185.83, 25185.83, 25110.63, 25116.53, 9329711, 1, '1h', 'simulator'),
	('2026-11-18 15:00:00+00', 25117.22, 25214.85, 25089.66, 25133.08, 9689133, 1, '1h', 'simulator'),
	('2026-11-18 16:00:00+00', 25140.44, 25155.62, 25100.96, 25100.96, 5536145, 1, '1h', 'simulator'),
	('2026-11-19 08:00:00+00', 25097.97, 25104.09, 25030.39, 25059.03, 10167978, 1, '1h', 'simulator'),
	('2026-11-19 09:00:00+00', 25063.22, 25082.54, 24935.81, 24968.81, 10988489, 1, '1h', 'simulator'),
	('2026-11-19 10:00:00+00', 24965.81, 25014.59, 24927.62, 24984.81, 9751686, 1, '1h', 'simulator'),
	('2026-11-19 11:00:00+00', 24994.3, 25099.89, 24971.48, 25086.51, 11848829, 1, '1h', 'simulator'),
	('2026-11-19 12:00:00+00', 25087.28, 25140.56, 25020.62, 25084.97, 10064891, 1, '1h', 'simulator'),
	('2026-11-19 13:00:00+00', 25078.66, 25117.42, 24966.31, 25117.42, 10318058, 1, '1h', 'simulator'),
	('2026-11-19 14:00:00+00', 25116.59, 25148.88, 25029.12, 25057.93, 11729010, 1, '1h', 'simulator'),
	('2026-11-19 15:00:00+00', 25059.59, 25105.19, 25035.67, 25090.42, 9510750, 1, '1h', 'simulator'),
	('2026-11-19 16:00:00+00', 25081.37, 25155.54, 25031.42, 25155.54, 5281914, 1, '1h', 'simulator'),
	('2026-11-20 08:00:00+00', 25158.94, 25225.43, 25133.62, 25169.98, 9388085, 1, '1h', 'simulator'),
	('2026-11-20 09:00:00+00', 25163.79, 25206.51, 25107.11, 25164.1, 9150123, 1, '1h', 'simulator'),
	('2026-11-20 10:00:00+00', 25169.43, 25197.67, 25123.17, 25168.8, 10709479, 1, '1h', 'simulator'),
	('2026-11-20 11:00:00+00', 25166.06, 25166.9, 25019.38, 25049.3, 9171133, 1, '1h', 'simulator'),
	('2026-11-20 12:00:00+00', 25052.49, 25106.6, 25033.1, 25084.96, 10278721, 1, '1h', 'simulator'),
	('2026-11-20 13:00:00+00', 25087.71, 25164.12, 25038.07, 25114.25, 10823730, 1, '1h', 'simulator'),
	('2026-11-20 14:00:00+00', 25120.66, 25188.97, 25094.8, 25096.56, 9726919, 1, '1h', 'simulator'),
	('2026-11-20 15:00:00+00', 25103.88, 25147.1, 25073.73, 25139.13, 9865911, 1, '1h', 'simulator'),
	('2026-11-20 16:00:00+00', 25137.15, 25204.57, 25127.69, 25204.57, 5569897, 1, '1h', 'simulator'),
	('2026-11-18 08:00:00+00', 24957.54, 25243.59, 24940.1, 25100.96, 86601340, 1, '1d', 'simulator'),
	('2026-11-19 08:00:00+00', 25097.97, 25155.54, 24927.62, 25155.54, 89661605, 1, '1d', 'simulator'),
	('2026-11-20 08:00:00+00', 25158.94, 25225.43, 25019.38, 25204.57, 84683998, 1, '1d', 'simulator'),
	('2026-11-17 22:00:00+00', 1.12563, 1.12563, 1.12352, 1.12352, NULL, 4, '1h', 'simulator'),
	('2026-11-17 23:00:00+00', 1.12351, 1.12362, 1.12262, 1.12362, NULL, 4, '1h', 'simulator'),
	('2026-11-18 00:00:00+00', 1.12362, 1.12424, 1.12296, 1.12336, NULL, 4, '1h', 'simulator'),
	('2026-11-18 01:00:00+00', 1.12339, 1.12427, 1.12297, 1.12414, NULL, 4, '1h', 'simulator'),
	('2026-11-18 02:00:00+00', 1.12416, 1.12528, 1.12398, 1.12527, NULL, 4, '1h', 'simulator'),
	('2026-11-18 03:00:00+00', 1.12535, 1.12592, 1.125, 1.12548, NULL, 4, '1h', 'simulator'),
	('2026-11-18 04:00:00+00', 1.12558, 1.12664, 1.12533, 1.12622, NULL, 4, '1h', 'simulator'),
	('2026-11-18 05:00:00+00', 1.12627, 1.12712, 1.12584, 1.12699, NULL, 4, '1h', 'simulator'),
	('2026-11-18 06:00:00+00', 1.12701, 1.1284, 1.12611, 1.12805, NULL, 4, '1h', 'simulator'),
	('2026-11-18 07:00:00+00', 1.12801, 1.12811, 1.1257, 1.12584, NULL, 4, '1h', 'simulator'),
	('2026-11-18 08:00:00+00', 1.12577, 1.12674, 1.12568, 1.12606, NULL, 4, '1h', 'simulator'),
	('2026-11-18 09:00:00+00', 1.12599, 1.12736, 1.12533, 1.12693, NULL, 4, '1h', 'simulator'),
	('2026-11-18 10:00:00+00', 1.12695, 1.12706, 1.12601, 1.12632, NULL, 4, '1h', 'simulator'),
	('2026-11-18 11:00:00+00', 1.12625, 1.12669, 1.12588, 1.12647, NULL, 4, '1h', 'simulator'),
	('2026-11-18 12:00:00+00', 1.12649, 1.12741, 1.12649, 1.12696, NULL, 4, '1h', 'simulator'),
	('2026-11-18 13:00:00+00', 1.12706, 1.1279, 1.12687, 1.1273, NULL, 4, '1h', 'simulator'),
	('2026-11-18 14:00:00+00', 1.12724, 1.12736, 1.12646, 1.12656, NULL, 4, '1h', 'simulator'),
	('2026-11-18 15:00:00+00', 1.12666, 1.12681, 1.12576, 1.12613, NULL, 4, '1h', 'simulator'),
	('2026-11-18 16:00:00+00', 1.12615, 1.12653, 1.12524, 1.12597, NULL, 4, '1h', 'simulator'),
	('2026-11-18 17:00:00+00', 1.12594, 1.12607, 1.12391, 1.12391, NULL, 4, '1h', 'simulator'),
	('2026-11-18 18:00:00+00', 1.12391, 1.12464, 1.12346, 1.12353, NULL, 4, '1h', 'simulator'),
	('2026-11-18 19:00:00+00', 1.12352, 1.12421, 1.1233, 1.12365, NULL, 4, '1h', 'simulator'),
	('2026-11-18 20:00:00+00', 1.12368, 1.12493, 1.12359, 1.12493, NULL, 4, '1h', 'simulator'),
	('2026-11-18 21:00:00+00', 1.1249, 1.12512, 1.1236, 1.12468, NULL, 4, '1h', 'simulator'),
	('2026-11-18 22:00:00+00', 1.12483, 1.12743, 1.12453, 1.12734, NULL, 4, '1h', 'simulator'),
	('2026-11-18 23:00:00+00', 1.1273, 1.12735, 1.12562, 1.12675, NULL, 4, '1h', 'simulator'),
	('2026-11-19 00:00:00+00', 1.12677, 1.12855, 1.12654, 1.12808, NULL, 4, '1h', 'simulator'),
	('2026-11-19 01:00:00+00', 1.12807, 1.12856, 1.12733, 1.12783, NULL, 4, '1h', 'simulator'),
	('2026-11-19 02:00:00+00', 1.12779, 1.12953, 1.12763, 1.12928, NULL, 4, '1h', 'simulator'),
	('2026-11-19 03:00:00+00', 1.12928, 1.12935, 1.12814, 1.12876, NULL, 4, '1h', 'simulator'),
	('2026-11-19 04:00:00+00', 1.1287, 1.12883, 1.12752, 1.12763, NULL, 4, '1h', 'simulator'),
	('2026-11-19 05:00:00+00', 1.12763, 1.12862, 1.12695, 1.12849, NULL, 4, '1h', 'simulator'),
	('2026-11-19 06:00:00+00', 1.12847, 1.12957, 1.1283, 1.12918, NULL, 4, '1h', 'simulator'),
	('2026-11-19 07:00:00+00', 1.12926, 1.12949, 1.12834, 1.12915, NULL, 4, '1h', 'simulator'),
	('2026-11-19 08:00:00+00', 1.1291, 1.13072, 1.12906, 1.13057, NULL, 4, '1h', 'simulator'),
	('2026-11-19 09:00:00+00', 1.13072, 1.13232, 1.13072, 1.13152, NULL, 4, '1h', 'simulator'),
	('2026-11-19 10:00:00+00', 1.13144, 1.13217, 1.13083, 1.13173, NULL, 4, '1h', 'simulator'),
	('2026-11-19 11:00:00+00', 1.1317, 1.13234, 1.13123, 1.1313, NULL, 4, '1h', 'simulator'),
	('2026-11-19 12:00:00+00', 1.13135, 1.13156, 1.12936, 1.12936, NULL, 4, '1h', 'simulator'),
	('2026-11-19 13:00:00+00', 1.12936, 1.13076, 1.1289, 1.13073, NULL, 4, '1h', 'simulator'),
	('2026-11-19 14:00:00+00', 1.13067, 1.1308, 1.12899, 1.12919, NULL, 4, '1h', 'simulator'),
	('2026-11-19 15:00:00+00', 1.12912, 1.13049, 1.1291, 1.13037, NULL, 4, '1h', 'simulator'),
	('2026-11-19 16:00:00+00', 1.13043, 1.13073, 1.12949, 1.12968, NULL, 4, '1h', 'simulator'),
	('2026-11-19 17:00:00+00', 1.12961, 1.12965, 1.12713, 1.12735, NULL, 4, '1h', 'simulator'),
	('2026-11-19 18:00:00+00', 1.12733, 1.12795, 1.12675, 1.12793, NULL, 4, '1h', 'simulator'),
	('2026-11-19 19:00:00+00', 1.12808, 1.12893, 1.12783, 1.1283, NULL, 4, '1h', 'simulator'),
	('2026-11-19 20:00:00+00', 1.12814, 1.12913, 1.12802, 1.12905, NULL, 4, '1h', 'simulator'),
	('2026-11-19 21:00:00+00', 1.12896, 1.1296, 1.12829, 1.1283, NULL, 4, '1h', 'simulator'),
	('2026-11-19 22:00:00+00', 1.12846, 1.12909, 1.1281, 1.12888, NULL, 4, '1h', 'simulator'),
	('2026-11-19 23:00:00+00', 1.12875, 1.12904, 1.12747, 1.12778, NULL, 4, '1h', 'simulator'),
	('2026-11-20 00:00:00+00', 1.12779, 1.13033, 1.1277, 1.12973, NULL, 4, '1h', 'simulator'),
	('2026-11-20 01:00:00+00', 1.12975, 1.12996, 1.12803, 1.12854, NULL, 4, '1h', 'simulator'),
	('2026-11-20 02:00:00+00', 1.12854, 1.12864, 1.12743, 1.12834, NULL, 4, '1h', 'simulator'),
	('2026-11-20 03:00:00+00', 1.12833, 1.12924, 1.12791, 1.12923, NULL, 4, '1h', 'simulator'),
	('2026-11-20 04:00:00+00', 1.12925, 1.13027, 1.1292, 1.12978, NULL, 4, '1h', 'simulator'),
	('2026-11-20 05:00:00+00', 1.12984, 1.1302, 1.12911, 1.12988, NULL, 4, '1h', 'simulator'),
	('2026-11-20 06:00:00+00', 1.12981, 1.13097, 1.12981, 1.13073, NULL, 4, '1h', 'simulator'),
	('2026-11-20 07:00:00+00', 1.13067, 1.13106, 1.1301, 1.13047, NULL, 4, '1h', 'simulator'),
	('2026-11-20 08:00:00+00', 1.13041, 1.13041, 1.12779, 1.1278, NULL, 4, '1h', 'simulator'),
	('2026-11-20 09:00:00+00', 1.12784, 1.12785, 1.12696, 1.12763, NULL, 4, '1h', 'simulator'),
	('2026-11-20 10:00:00+00', 1.12759, 1.12822, 1.12721, 1.12757, NULL, 4, '1h', 'simulator'),
	('2026-11-20 11:00:00+00', 1.12763, 1.12777, 1.12698, 1.12724, NULL, 4, '1h', 'simulator'),
	('2026-11-20 12:00:00+00', 1.12728, 1.12776, 1.12655, 1.12659, NULL, 4, '1h', 'simulator'),
	('2026-11-20 13:00:00+00', 1.12655, 1.12728, 1.12628, 1.12709, NULL, 4, '1h', 'simulator'),
	('2026-11-20 14:00:00+00', 1.12708, 1.1281, 1.12684, 1.12795, NULL, 4, '1h', 'simulator'),
	('2026-11-20 15:00:00+00', 1.12796, 1.12822, 1.12578, 1.12586, NULL, 4, '1h', 'simulator'),
	('2026-11-20 16:00:00+00', 1.12587, 1.12704, 1.12587, 1.12667, NULL, 4, '1h', 'simulator'),
	('2026-11-20 17:00:00+00', 1.12674, 1.12737, 1.12638, 1.12684, NULL, 4, '1h', 'simulator'),
	('2026-11-20 18:00:00+00', 1.12686, 1.12812, 1.12664, 1.12812, NULL, 4, '1h', 'simulator'),
	('2026-11-20 19:00:00+00', 1.12806, 1.12846, 1.12755, 1.12797, NULL, 4, '1h', 'simulator'),
	('2026-11-20 20:00:00+00', 1.12795, 1.1285, 1.1276, 1.128, NULL, 4, '1h', 'simulator'),
	('2026-11-20 21:00:00+00', 1.12809, 1.12816, 1.12652, 1.12664, NULL, 4, '1h', 'simulator'),
	('2026-11-17 22:00:00+00', 1.12563, 1.1284, 1.12262, 1.12468, NULL, 4, '1d', 'simulator'),
	('2026-11-18 22:00:00+00', 1.12483, 1.13234, 1.12453, 1.1283, NULL, 4, '1d', 'simulator'),
	('2026-11-19 22:00:00+00', 1.12846, 1.13106, 1.12578, 1.12664, NULL, 4, '1d', 'simulator');
INSERT INTO public.pivot_levels VALUES
	('2026-11-19', 1, 'classic', 25094.88333333333, 25249.666666666664, 25398.373333333333, 25553.156666666666, NULL, NULL, 24946.176666666663, 24791.39333333333, 24642.68666666666, NULL, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-19', 1, 'fibonacci', 25094.88333333333, 25210.81651333333, 25282.440153333333, 25398.373333333333, NULL, NULL, 24978.95015333333, 24907.32651333333, 24791.39333333333, NULL, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-19', 1, 'camarilla', 25094.88333333333, 25128.779916666666, 25156.599833333334, 25184.41975, 25267.8795, NULL, 25073.140083333332, 25045.320166666665, 25017.500249999997, 24934.0405, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-19', 1, 'woodie', 25096.4025, 25252.705, 25399.8925, 25556.195000000003, 25859.685000000005, NULL, 24949.215, 24792.9125, 24645.725, 24342.234999999997, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-19', 1, 'demark', 25132.059999999998, 25324.019999999997, NULL, NULL, NULL, NULL, 25020.529999999995, NULL, NULL, NULL, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-20', 1, 'classic', 25079.56666666667, 25231.51333333334, 25307.48666666667, 25459.43333333334, NULL, NULL, 25003.593333333338, 24851.646666666667, 24775.673333333336, NULL, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-20', 1, 'fibonacci', 25079.56666666667, 25166.63210666667, 25220.42122666667, 25307.48666666667, NULL, NULL, 24992.501226666667, 24938.71210666667, 24851.646666666667, NULL, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-20', 1, 'camarilla', 25079.56666666667, 25176.432666666668, 25197.325333333334, 25218.218, 25280.896, NULL, 25134.647333333334, 25113.754666666668, 25092.862, 25030.184, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-20', 1, 'woodie', 25098.56, 25269.500000000004, 25326.480000000003, 25497.420000000006, 25725.340000000007, NULL, 25041.58, 24870.64, 24813.66, 24585.739999999998, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-20', 1, 'demark', 25098.559999999998, 25269.499999999996, NULL, NULL, NULL, NULL, 25041.579999999994, NULL, NULL, NULL, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-23', 1, 'classic', 25149.793333333335, 25280.20666666667, 25355.843333333334, 25486.256666666668, NULL, NULL, 25074.15666666667, 24943.743333333336, 24868.10666666667, NULL, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-23', 1, 'fibonacci', 25149.793333333335, 25228.504433333335, 25277.132233333334, 25355.843333333334, NULL, NULL, 25071.082233333334, 25022.454433333336, 24943.743333333336, NULL, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-23', 1, 'camarilla', 25149.793333333335, 25223.457916666666, 25242.345833333333, 25261.23375, 25317.8975, NULL, 25185.682083333333, 25166.794166666667, 25147.90625, 25091.2425, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-23', 1, 'woodie', 25163.4875, 25307.594999999998, 25369.5375, 25513.644999999997, 25719.694999999996, NULL, 25101.545, 24957.4375, 24895.495, 24689.445, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-23', 1, 'demark', 25168.7025, 25318.024999999998, NULL, NULL, NULL, NULL, 25111.975, NULL, NULL, NULL, NULL, '2026-11-28 15:09:11.548864+00'),
	('2026-11-19', 4, 'classic', 1.1252333333333333, 1.1278466666666667, 1.1310133333333334, 1.1336266666666668, NULL, NULL, 1.1220666666666665, 1.1194533333333332, 1.1162866666666664, NULL, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-19', 4, 'fibonacci', 1.1252333333333333, 1.1274412933333333, 1.1288053733333334, 1.1310133333333334, NULL, NULL, 1.1230253733333333, 1.1216612933333332, 1.1194533333333332, NULL, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-19', 4, 'camarilla', 1.1252333333333333, 1.1252098333333334, 1.1257396666666666, 1.1262695, 1.127859, NULL, 1.1241501666666665, 1.1236203333333332, 1.1230904999999998, 1.1215009999999999, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-19', 4, 'woodie', 1.125095, 1.12757, 1.130875, 1.13335, 1.1391300000000002, NULL, 1.1217899999999998, 1.1193149999999998, 1.1160099999999997, 1.1102299999999996, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-19', 4, 'demark', 1.12458, 1.1265399999999999, NULL, NULL, NULL, NULL, 1.1207599999999998, NULL, NULL, NULL, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-20', 4, 'classic', 1.1283900000000002, 1.1322500000000004, 1.1362, 1.1400600000000003, NULL, NULL, 1.1244400000000006, 1.1205800000000004, 1.1166300000000007, NULL, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-20', 4, 'fibonacci', 1.1283900000000002, 1.13137342, 1.1332165800000003, 1.1362, NULL, NULL, 1.1254065800000004, 1.1235634200000002, 1.1205800000000004, NULL, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-20', 4, 'camarilla', 1.1283900000000002, 1.1290159166666667, 1.1297318333333335, 1.13044775, 1.1325955, NULL, 1.1275840833333335, 1.1268681666666667, 1.12615225, 1.1240045, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-20', 4, 'woodie', 1.1283675, 1.132205, 1.1361774999999998, 1.1400149999999998, 1.1478249999999997, NULL, 1.124395, 1.1205575, 1.1165850000000002, 1.1087750000000003, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-20', 4, 'demark', 1.1293775, 1.1342249999999998, NULL, NULL, NULL, NULL, 1.126415, NULL, NULL, NULL, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-23', 4, 'classic', 1.1278266666666668, 1.1298733333333335, 1.1331066666666667, 1.1351533333333335, NULL, NULL, 1.1245933333333336, 1.1225466666666668, 1.1193133333333336, NULL, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-23', 4, 'fibonacci', 1.1278266666666668, 1.1298436266666667, 1.1310897066666667, 1.1331066666666667, NULL, NULL, 1.1258097066666668, 1.1245636266666668, 1.1225466666666668, NULL, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-23', 4, 'camarilla', 1.1278266666666668, 1.127124, 1.1276080000000002, 1.128092, 1.129544, NULL, 1.1261560000000002, 1.125672, 1.125188, 1.123736, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-23', 4, 'woodie', 1.1275300000000001, 1.1292800000000003, 1.13281, 1.1345600000000002, 1.1398400000000002, NULL, 1.1240000000000003, 1.1222500000000002, 1.1187200000000004, 1.1134400000000004, NULL, '2026-11-28 15:09:16.079372+00'),
	('2026-11-23', 4, 'demark', 1.127315, 1.1288500000000001, NULL, NULL, NULL, NULL, 1.1235700000000002, NULL, NULL, NULL, NULL, '2026-11-28 15:09:16.079372+00');
INSERT INTO public.session_coverage VALUES
	(1, '1h', '2026-11-18', 'complete', true, 9, 9, 0, 0, 0, 'simulator', '2026-11-18 08:00:00+00', '2026-11-18 16:30:00+00', 1, NULL, NULL, '2026-11-28 15:09:08.429814+00', false),
	(1, '1h', '2026-11-19', 'complete', true, 9, 9, 0, 0, 0, 'simulator', '2026-11-19 08:00:00+00', '2026-11-19 16:30:00+00', 1, NULL, NULL, '2026-11-28 15:09:08.429814+00', false),
	(1, '1h', '2026-11-20', 'complete', true, 9, 9, 0, 0, 0, 'simulator', '2026-11-20 08:00:00+00', '2026-11-20 16:30:00+00', 1, NULL, NULL, '2026-11-28 15:09:08.429814+00', false),
	(1, '1d', '2026-11-18', 'complete', true, 1, 1, 0, 0, 0, 'simulator', '2026-11-18 08:00:00+00', '2026-11-18 16:30:00+00', 1, NULL, NULL, '2026-11-28 15:09:08.560312+00', false),
	(1, '1d', '2026-11-19', 'complete', true, 1, 1, 0, 0, 0, 'simulator', '2026-11-19 08:00:00+00', '2026-11-19 16:30:00+00', 1, NULL, NULL, '2026-11-28 15:09:08.560312+00', false),
	(1, '1d', '2026-11-20', 'complete', true, 1, 1, 0, 0, 0, 'simulator', '2026-11-20 08:00:00+00', '2026-11-20 16:30:00+00', 1, NULL, NULL, '2026-11-28 15:09:08.560312+00', false),
	(4, '1h', '2026-11-18', 'complete', true, 24, 24, 0, 0, 0, 'simulator', '2026-11-17 22:00:00+00', '2026-11-18 22:00:00+00', 1, NULL, NULL, '2026-11-28 15:09:13.769913+00', false),
	(4, '1h', '2026-11-19', 'complete', true, 24, 24, 0, 0, 0, 'simulator', '2026-11-18 22:00:00+00', '2026-11-19 22:00:00+00', 1, NULL, NULL, '2026-11-28 15:09:13.769913+00', false),
	(4, '1h', '2026-11-20', 'complete', true, 24, 24, 0, 0, 0, 'simulator', '2026-11-19 22:00:00+00', '2026-11-20 22:00:00+00', 1, NULL, NULL, '2026-11-28 15:09:13.769913+00', false),
	(4, '1d', '2026-11-18', 'complete', true, 1, 1, 0, 0, 0, 'simulator', '2026-11-17 22:00:00+00', '2026-11-18 22:00:00+00', 1, NULL, NULL, '2026-11-28 15:09:13.769913+00', false),
	(4, '1d', '2026-11-19', 'complete', true, 1, 1, 0, 0, 0, 'simulator', '2026-11-18 22:00:00+00', '2026-11-19 22:00:00+00', 1, NULL, NULL, '2026-11-28 15:09:13.769913+00', false),
	(4, '1d', '2026-11-20', 'complete', true, 1, 1, 0, 0, 0, 'simulator', '2026-11-19 22:00:00+00', '2026-11-20 22:00:00+00', 1, NULL, NULL, '2026-11-28 15:09:13.769913+00', false);
SELECT pg_catalog.setval('public.incidents_id_seq', 1, false);
SELECT pg_catalog.setval('public.market_symbols_id_seq', 5, true);
SELECT pg_catalog.setval('public.ohlc_revisions_id_seq', 1, false);
SELECT pg_catalog.setval('public.rejected_candles_id_seq', 1, false);
SELECT pg_catalog.setval('public.vendor_credits_id_seq', 1, false);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.current_prices
    ADD CONSTRAINT current_prices_pkey PRIMARY KEY (symbol_id);
ALTER TABLE ONLY public.incidents
    ADD CONSTRAINT incidents_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.level_touches
    ADD CONSTRAINT level_touches_pkey PRIMARY KEY (trade_date, symbol_id, level);
ALTER TABLE ONLY public.levels_daily
    ADD CONSTRAINT levels_daily_pkey PRIMARY KEY (trade_date, symbol_id);
ALTER TABLE ONLY public.market_symbols
    ADD CONSTRAINT market_symbols_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.market_symbols
    ADD CONSTRAINT market_symbols_symbol_key UNIQUE (symbol);
ALTER TABLE ONLY public.market_symbols
    ADD CONSTRAINT market_symbols_vendor_symbol_key UNIQUE (vendor, symbol);
ALTER TABLE ONLY public.ohlc
    ADD CONSTRAINT ohlc_pkey PRIMARY KEY (symbol_id, timeframe, ts);
ALTER TABLE ONLY public.ohlc_revisions
    ADD CONSTRAINT ohlc_revisions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.pivot_levels
    ADD CONSTRAINT pivot_levels_pkey PRIMARY KEY (trade_date, symbol_id, method);
ALTER TABLE ONLY public.rejected_candles
    ADD CONSTRAINT rejected_candles_once_key UNIQUE NULLS NOT DISTINCT (symbol_id, timeframe, ts, reason, source, open, high, low, close, volume);
ALTER TABLE ONLY public.rejected_candles
    ADD CONSTRAINT rejected_candles_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.run_requests
    ADD CONSTRAINT run_requests_pkey PRIMARY KEY (symbol_id, trade_date, asset);
ALTER TABLE ONLY public.session_coverage
    ADD CONSTRAINT session_coverage_pkey PRIMARY KEY (symbol_id, timeframe, trade_date);
ALTER TABLE ONLY public.vendor_credits
    ADD CONSTRAINT vendor_credits_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX incidents_open_key ON public.incidents USING btree (key) WHERE (closed_at IS NULL);
CREATE INDEX ohlc_revisions_symbol_id_timeframe_ts_idx ON public.ohlc_revisions USING btree (symbol_id, timeframe, ts);
CREATE INDEX session_coverage_retry_at_idx ON public.session_coverage USING btree (retry_at) WHERE (retry_at IS NOT NULL);
CREATE INDEX vendor_credits_vendor_reserved_at_idx ON public.vendor_credits USING btree (vendor, reserved_at);
CREATE TRIGGER ohlc_keep_revision AFTER UPDATE ON public.ohlc FOR EACH ROW WHEN ((((((old.open IS DISTINCT FROM new.open) OR (old.high IS DISTINCT FROM new.high)) OR (old.low IS DISTINCT FROM new.low)) OR (old.close IS DISTINCT FROM new.close)) OR (old.volume IS DISTINCT FROM new.volume))) EXECUTE FUNCTION public.keep_ohlc_revision();
ALTER TABLE ONLY public.current_prices
    ADD CONSTRAINT current_prices_symbol_id_fkey FOREIGN KEY (symbol_id) REFERENCES public.market_symbols(id);
ALTER TABLE ONLY public.level_touches
    ADD CONSTRAINT level_touches_symbol_id_fkey FOREIGN KEY (symbol_id) REFERENCES public.market_symbols(id);
ALTER TABLE ONLY public.levels_daily
    ADD CONSTRAINT levels_daily_symbol_id_fkey FOREIGN KEY (symbol_id) REFERENCES public.market_symbols(id);
ALTER TABLE ONLY public.ohlc_revisions
    ADD CONSTRAINT ohlc_revisions_symbol_id_fkey FOREIGN KEY (symbol_id) REFERENCES public.market_symbols(id);
ALTER TABLE ONLY public.pivot_levels
    ADD CONSTRAINT pivot_levels_symbol_id_fkey FOREIGN KEY (symbol_id) REFERENCES public.market_symbols(id);
ALTER TABLE ONLY public.rejected_candles
    ADD CONSTRAINT rejected_candles_symbol_id_fkey FOREIGN KEY (symbol_id) REFERENCES public.market_symbols(id);
ALTER TABLE ONLY public.run_requests
    ADD CONSTRAINT run_requests_symbol_id_fkey FOREIGN KEY (symbol_id) REFERENCES public.market_symbols(id);
ALTER TABLE ONLY public.session_coverage
    ADD CONSTRAINT session_coverage_symbol_id_fkey FOREIGN KEY (symbol_id) REFERENCES public.market_symbols(id);
