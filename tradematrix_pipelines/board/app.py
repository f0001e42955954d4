"""The board's web application.

=======================================================  =====================================================
``GET /``                                                the page: ``static/index.html``; its files under ``/static/``
``GET /docs``, ``GET /openapi.json``                     the API for people and for programs
``GET /healthz``, ``GET /readyz``                        ``Health``, ``Readiness`` (503 where it is not ready)
``GET /events``                                          server-sent events, below
``GET /api/v1/status``                                   ``Status``
``GET /api/v1/symbols``                                  ``Symbols``
``GET /api/v1/quotes[?symbol=]``                         ``Quotes``: of all active symbols, or of one
``GET /api/v1/candles?symbol&timeframe[&from&to&limit]`` ``Candles``: 1m 5m 15m 1h 1d, also 30m, 4h, 1w …
``GET /api/v1/levels?symbol[&date]``                     ``Levels``; without a date of the coming session
``GET /api/v1/level-book?symbol[&date]``                 ``LevelBook``
``GET /api/v1/touches?symbol[&date]``                    ``Touches``
``GET /api/v1/coverage?symbol[&from&to]``                ``CoverageCalendar``; default: the last 90 days
``GET /api/v1/incidents[?open=true]``                    ``Incidents``; with ``open=false`` also those closed lately
``GET /api/v1/credits``                                  ``Credits``
``GET /api/v1/upcoming``                                 ``Upcoming``
``GET /api/v1/sessions?symbol[&from&to]``                ``Sessions``; default: the last 7 and the next 7 days
=======================================================  =====================================================

``from`` and ``to`` are trade dates, both included; of candles they may be instants as well, with ``to`` excluded. Errors
are ``Problem``: 404 an unknown symbol, with what may be meant; 422 a wrong parameter; 503 with ``Retry-After`` while the
database does not answer; 401 without the token, where one is required.

Events, each with JSON as data: ``hello`` (``Hello``) on each connection, ``quote`` (``Quote``) when a price changes,
``coverage`` (``CoverageChange``) and ``incident`` (``IncidentChange``) when these change. A comment line keeps the
connection alive; a browser connects again by itself.
"""
